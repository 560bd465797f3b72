// Gathers the error tables of every package into one registry, docs/errors.json: code → remedy. With --check, only says
// whether the file is up to date. Run after a build.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { root } from './steps.mjs';

const tables = [
  'addon/dist/errors.js',
  'board/client/dist/errors.js',
  'quant/dist/errors.js',
  'kernel-ts/dist/engine/errors.js',
  'kernel-ts/dist/protocol/errors.js',
  'kernel-ts/dist/lab/errors.js',
  'kernel-ts/dist/report/errors.js',
  'kernel-ts/dist/report/runner/errors.js',
  'kernel-ts/dist/cli/errors.js',
];

/** Tables of Rust programs: code → remedy. */
const rustTables = ['board/crates/npu-tool/errors.json'];

/** Every code of every table, sorted. Throws where two tables claim the same code. */
export async function registry() {
  const codes = new Map();
  for (const table of tables) {
    const module = await import(resolve(root, table));
    for (const [name, value] of Object.entries(module)) {
      if (typeof value !== 'object' || value === null) continue;
      for (const [code, remedy] of Object.entries(value)) {
        if (typeof remedy !== 'string') continue;
        if (codes.has(code)) throw new Error(`${code} is claimed twice: ${table} (${name})`);
        codes.set(code, remedy);
      }
    }
  }
  for (const table of rustTables) {
    for (const [code, remedy] of Object.entries(JSON.parse(readFileSync(resolve(root, table), 'utf8')))) {
      if (codes.has(code)) throw new Error(`${code} is claimed twice: ${table}`);
      codes.set(code, remedy);
    }
  }
  return Object.fromEntries([...codes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

if (process.argv[1] === import.meta.filename) {
  const file = resolve(root, 'docs/errors.json');
  const text = `${JSON.stringify(await registry(), undefined, 2)}\n`;
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('docs/errors.json is not up to date. Remedy: node scripts/errors.mjs\n');
    process.exit(1);
  }
}
