// npm run numbers: measures every benchmark on this machine, keeps the rows in docs/bench.json, and writes them into
// docs/bench.md and the README. `npm run numbers -- --render` writes both again from the kept rows.
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
  `Measured ${date} on ${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryMiB / 1024)} GiB, Node.js ${machine.node}`;

/** docs/bench.md. */
export function benchPage(kept) {
  const parts = Object.entries(kept.benches).map(([name, rows]) => {
    const guide = `bench-${name}.md`;
    const link = existsSync(resolve(root, 'docs', guide)) ? `[How to read these](${guide})\n\n` : '';
    return `## ${name}\n\n${link}${table(rows)}\n`;
  });
  return `# Benchmarks\n\n${about(kept)}, by \`npm run numbers\`. Ratios are of values from the same run; *modelled* is the simulator's virtual clock, never a measurement.\n\n${parts.join('\n')}`;
}

/** The README with its table of numbers. */
export function readmeWith(kept, readme) {
  const rows = shown.map(([bench, name]) => {
    const row = kept.benches[bench]?.find((one) => one.name.startsWith(name));
    if (row === undefined) throw new Error(`docs/bench.json has no row "${name}" of bench ${bench}`);
    return row;
  });
  const [before, rest] = readme.split(begin);
  const after = rest.split(end)[1];
  return `${before}${begin}\n${table(rows)}\n\n${about(kept)}. All rows: [docs/bench.md](docs/bench.md).\n${end}${after}`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!process.argv.includes('--render')) {
    const npulab = (...args) =>
      execFileSync(process.execPath, ['kernel-ts/bin/npulab.js', ...args], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        maxBuffer: 2 ** 26,
      });
    const names = npulab('bench', '--list').trim().split('\n');
    const text = npulab('bench', '--json', ...names.filter((name) => !apart.includes(name)));
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(measured, `${JSON.stringify({ date, ...JSON.parse(text) }, undefined, 2)}\n`);
  }
  const kept = JSON.parse(readFileSync(measured, 'utf8'));
  writeFileSync(resolve(root, 'docs/bench.md'), benchPage(kept));
  const readme = resolve(root, 'README.md');
  writeFileSync(readme, readmeWith(kept, readFileSync(readme, 'utf8')));
}
