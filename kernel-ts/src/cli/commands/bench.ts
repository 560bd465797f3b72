/** npulab bench: runs `test/bench/NAME.mjs` of the repository, a module that exports `bench(): Promise<BenchRow[]>`. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BenchRow, benchText, machine, ratio } from '../bench-table.js';
import { type Command, exit, parse } from '../command.js';
import { CliError } from '../errors.js';

const benchFolder = fileURLToPath(new URL('../../../../test/bench/', import.meta.url));

export const bench: Command = {
  help: `Usage: npulab bench [NAME]... [--json] [--list]

Runs benchmarks of the repository and prints the machine and one row per number: name, value, unit, limit or peer, ratio,
goal. Without a NAME, all of them.

  --json  rows as JSON
  --list  only the names
`,
  async run(argv, streams) {
    const { values, words } = parse(
      argv,
      { json: { type: 'boolean' }, list: { type: 'boolean' } },
      { least: 0, most: 100, name: '' },
    );
    const names = benchNames();
    if (values.list) {
      streams.out(names.map((name) => `${name}\n`).join(''));
      return exit.ok;
    }
    const wrong = words.find((word) => !names.includes(word));
    if (wrong !== undefined) throw new CliError('cli.bench-missing', `there is no bench "${wrong}"`);
    const chosen = words.length > 0 ? words : names;
    if (chosen.length === 0) throw new CliError('cli.bench-missing', `no bench in ${benchFolder}`);
    // Libraries that a bench uses may print; stdout is for the rows.
    console.log = console.error;
    console.info = console.error;
    console.debug = console.error;
    const facts = machine();
    const results: Record<string, unknown> = {};
    for (const name of chosen) {
      const module = (await import(pathToFileURL(`${benchFolder}${name}.mjs`).href)) as {
        bench?: () => Promise<BenchRow[]>;
      };
      if (typeof module.bench !== 'function') {
        throw new CliError('cli.bench-missing', `test/bench/${name}.mjs exports no function "bench"`);
      }
      const rows = await module.bench();
      if (values.json)
        results[name] = rows.map((row) => ({ ...row, ratio: ratio(row) === '' ? null : Number(ratio(row)) }));
      else streams.out(benchText(name, rows, facts));
    }
    if (values.json) streams.out(`${JSON.stringify({ machine: facts, benches: results }, undefined, 1)}\n`);
    return exit.ok;
  },
};

function benchNames(): string[] {
  if (!existsSync(benchFolder)) return [];
  const files = readdirSync(benchFolder).filter((file) => file.endsWith('.mjs') && !file.startsWith('_'));
  return files.map((file) => file.slice(0, -'.mjs'.length)).sort();
}
