#!/usr/bin/env node
// Committed launcher: npm links no bin that is missing at install time, and dist/ is built afterwards.
import { existsSync } from 'node:fs';

const entry = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write('npulab: not built yet. Run "npm run build" in the repository first.\n');
  process.exit(2);
}
const { main } = await import(entry.href);
process.exitCode = await main(process.argv.slice(2));
