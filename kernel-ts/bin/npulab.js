#!/usr/bin/env node
// Committed launcher: npm links no bin that is missing at install time, and dist/ is built afterwards.
import { statSync } from 'node:fs';

const dist = new URL('../dist/', import.meta.url);
const changed = (file) => statSync(new URL(file, dist), { throwIfNoEntry: false })?.mtimeMs;

// The bundle has each process in one file, which loads in half the time; what was compiled after it is not in it.
const bundled = changed('bundle/cli-main.js');
const isNewest = bundled !== undefined && bundled >= (changed('.tsbuildinfo') ?? 0);
const entry = isNewest ? 'bundle/cli-main.js' : 'cli/main.js';
if (!isNewest && changed(entry) === undefined) {
  process.stderr.write('npulab: not built yet. Run "npm run build" in the repository first.\n');
  process.exit(2);
}
const { main } = await import(new URL(entry, dist).href);
process.exitCode = await main(process.argv.slice(2));
