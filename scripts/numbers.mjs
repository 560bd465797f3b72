// npm run numbers: measures every benchmark on this machine, keeps the rows in docs/bench.json, and writes them into
// docs/bench.md and the README. `npm run numbers -- kernel soak` measures these alone and keeps the others as they are;
// `npm run numbers -- --render` writes both pages again from the kept rows.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './steps.mjs';

const measured = resolve(root, 'docs/bench.json');
const [begin, end] = ['<!-- numbers -->', '<!-- /numbers -->'];

/** Benches that take many minutes: `faults` counts what never happens, `upload` waits for a serial line; docs/bench-link.md has both. */
const apart = ['faults', 'upload'];

/** What the README shows: bench and row. The rest is in docs/bench.md. */
const shown = [
  ['simulator', 'decode rows of 6 layers'],
  ['simulator', '512 x 2048 x 5632 through registers'],
  ['board', 'default model, host time per token'],
  ['board', 'default model, modelled per token (NPU only)'],
  ['tinyllama', 'host time per decoded token'],
  ['tinyllama', 'modelled per decoded token'],
  ['link', 'serial 1.5 Mbaud, real time on ptys, adapter 16 ms, byte loss 0'],
  ['link', 'write 256 MiB'],
  ['kernel', 'small cell, checked'],
  ['kernel', 'interrupt: while(true)'],
];

const figure = (value) =>
  value === null
    ? ''
    : Math.abs(value) >= 100
      ? Math.round(value).toLocaleString('en')
      : String(Number(value.toPrecision(3)));
const table = (rows) =>
  [
    '| what | value | limit or peer of the same run | ratio | goal |',
    '|---|---|---|---|---|',
    ...rows.map((row) => {
      const against = row.against ? `${figure(row.against.value)} ${row.against.what}` : (row.note ?? '');
      const ratio = row.ratio === null ? '' : row.ratio.toFixed(2);
      return `| ${row.name} | ${figure(row.value)} ${row.unit} | ${against} | ${ratio} | ${row.goal ?? ''} |`;
    }),
  ].join('\n');

const about = ({ date, machine }) =>
  `Measured ${date} on ${machine.cpu} with ${machine.vectors}, ${machine.cores} cores, ${Math.round(machine.memoryMiB / 1024)} GiB, Node.js ${machine.node}`;

/** docs/bench.md. */
export function benchPage(kept) {
  const parts = Object.entries(kept).map(([name, bench]) => {
    const guide = `bench-${name}.md`;
    const link = existsSync(resolve(root, 'docs', guide)) ? ` [How to read these](${guide})` : '';
    return `## ${name}\n\n${about(bench)}.${link}\n\n${table(bench.rows)}\n`;
  });
  return `# Benchmarks\n\nBy \`npm run numbers\`. Ratios are of values from the same run; *modelled* is the simulator's virtual clock, never a measurement.\n\n${parts.join('\n')}`;
}

/** The README with its table of numbers. */
export function readmeWith(kept, readme) {
  const rows = shown.map(([bench, name]) => {
    const row = kept[bench]?.rows.find((one) => one.name.startsWith(name));
    if (row === undefined) throw new Error(`docs/bench.json has no row "${name}" of bench ${bench}`);
    return row;
  });
  const runs = new Map();
  for (const bench of new Set(shown.map(([name]) => name))) {
    const run = about(kept[bench]);
    runs.set(run, [...(runs.get(run) ?? []), bench]);
  }
  const said = [...runs].map(([run, benches]) => (runs.size === 1 ? `${run}.` : `${run}: ${benches.join(', ')}.`));
  const [before, rest] = readme.split(begin);
  const after = rest.split(end)[1];
  return `${before}${begin}\n${table(rows)}\n\n${said.join(' ')} All rows: [docs/bench.md](docs/bench.md).\n${end}${after}`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  let kept = JSON.parse(readFileSync(measured, 'utf8'));
  const words = process.argv.slice(2);
  if (!words.includes('--render')) {
    const npulab = (...args) =>
      execFileSync(process.execPath, ['kernel-ts/bin/npulab.js', ...args], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        maxBuffer: 2 ** 26,
      });
    const all = npulab('bench', '--list').trim().split('\n');
    const names = words.length > 0 ? words : all.filter((name) => !apart.includes(name));
    const { machine, benches } = JSON.parse(npulab('bench', '--json', ...names));
    const date = new Date().toISOString().slice(0, 10);
    const now = Object.fromEntries(Object.entries(benches).map(([name, rows]) => [name, { date, machine, rows }]));
    kept = { ...kept, ...now };
    writeFileSync(measured, `${JSON.stringify(kept, undefined, 2)}\n`);
  }
  writeFileSync(resolve(root, 'docs/bench.md'), benchPage(kept));
  const readme = resolve(root, 'README.md');
  writeFileSync(readme, readmeWith(kept, readFileSync(readme, 'utf8')));
}
