/**
 * What line magics do (`front/magics.ts` says where they stand). Knows clocks, the environment and the session's names.
 * Surprise: times are shown as displays that are marked volatile, because two runs of a notebook never agree on them.
 */
import { inspect } from 'node:util';
import { MAGICS, type MagicWord } from '../magic-usage.js';
import { currentCell } from './attribution.js';
import { declared, valueInCells } from './cell-names.js';
import { send, writeStream } from './output.js';

const VOLATILE = { npulab: { volatile: true } };
const RUNS = 7;
/** A run of the code lasts at least this long, so that the clock's steps do not matter. */
const RUN_MS = 20;
const HIDDEN = /TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|KEY/i;

let began = 0;

/** Called by compiled cells as `__npulab.magic`. */
export const magic = Object.freeze({
  now: () => performance.now(),
  begin: () => {
    began = performance.now();
  },
  end: () => show(`time: ${duration(performance.now() - began)}`),
  timed: (startMs: number, value: unknown) => {
    show(`time: ${duration(performance.now() - startMs)}`);
    return value;
  },
  timeit,
  env: (argument: string) => print(environment(argument)),
  who: () => print(names()),
  help: () =>
    print(`${Object.values(MAGICS).join('\n')}

Names: lab (boards, models, quantizers, plots, reports), display, progress, html, md, svg, tex, input, kernel.
Each has its documentation under the cursor: Shift+Tab in JupyterLab.`),
  usage: (word: MagicWord) => print(`Usage: ${MAGICS[word]}`),
});

/** Measures code: one warm-up run finds how many repetitions fill a run, then seven runs. */
async function timeit(waits: boolean, code: () => unknown): Promise<void> {
  const repeat = async (count: number): Promise<number> => {
    const from = performance.now();
    if (waits) for (let at = 0; at < count; at += 1) await code();
    else for (let at = 0; at < count; at += 1) code();
    return performance.now() - from;
  };
  let count = 1;
  let warmUpMs = await repeat(count);
  while (warmUpMs < RUN_MS && count < 1e9) {
    count = Math.max(count * 2, Math.ceil((count * RUN_MS) / Math.max(warmUpMs, RUN_MS / 100)));
    warmUpMs = await repeat(count);
  }
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) times.push((await repeat(count)) / count);
  times.sort((a, b) => a - b);
  const [least = 0, middle = 0, most = 0] = [times[0], times[(RUNS - 1) / 2], times[RUNS - 1]];
  show(
    `median ${duration(middle)} (min ${duration(least)}, max ${duration(most)}; ${RUNS} runs of ${count}, after a warm-up)`,
  );
}

function environment(argument: string): string {
  const at = argument.indexOf('=');
  if (at > 0) {
    const name = argument.slice(0, at).trim();
    process.env[name] = argument.slice(at + 1).trim();
    return `${name}=${process.env[name]}`;
  }
  if (argument !== '') return process.env[argument] ?? `${argument} is not set`;
  const lines = Object.entries(process.env).sort(([a], [b]) => (a < b ? -1 : 1));
  return lines
    .map(([name, value]) => `${name}=${HIDDEN.test(name) ? '(hidden; %env NAME shows it)' : value}`)
    .join('\n');
}

function names(): string {
  const rows = [...declared].sort().flatMap((name) => {
    try {
      const value: unknown = valueInCells(name);
      const type = value === null || value === undefined ? String(value) : (value.constructor?.name ?? typeof value);
      const text = inspect(value, {
        depth: 0,
        breakLength: Number.POSITIVE_INFINITY,
        maxStringLength: 60,
        colors: false,
      });
      return [[name, type, text.split('\n')[0]?.slice(0, 80) ?? '']];
    } catch {
      return []; // declared by a cell that failed before it got there
    }
  });
  if (rows.length === 0) return 'No cell has declared a name yet.';
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = [width(0), width(1)];
  return rows
    .map((row) =>
      row
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function duration(ms: number): string {
  const [value, unit] =
    ms >= 1000 ? [ms / 1000, 's'] : ms >= 1 ? [ms, 'ms'] : ms >= 1e-3 ? [ms * 1e3, 'µs'] : [ms * 1e6, 'ns'];
  return `${value.toPrecision(3)} ${unit}`;
}

function print(text: string): void {
  writeStream('stdout', `${text}\n`);
}

function show(text: string): void {
  const output = { kind: 'display', data: { 'text/plain': text }, metadata: VOLATILE, update: false } as const;
  send({ kind: 'output', requestId: currentCell()?.requestId ?? '', output });
}
