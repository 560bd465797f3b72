/** npulab doctor: one line per thing that this machine needs, with the remedy where it is missing. */
import { type Command, exit, parse } from '../command.js';
import { checks } from '../doctor-checks.js';

export const doctor: Command = {
  help: `Usage: npulab doctor [--json]

Checks what NPU Lab needs here: one line each, with a remedy where something is missing. What is marked optional may be.

Exit status: 0 everything needed is there, 1 something is missing.
`,
  async run(argv, streams) {
    const { values } = parse(argv, { json: { type: 'boolean' } }, { least: 0, most: 0, name: '' });
    const rows = await Promise.all(
      checks.map(async ({ name, optional, check }) => ({ name, optional, ...(await check()) })),
    );
    if (values.json) streams.out(`${JSON.stringify(rows, undefined, 1)}\n`);
    else {
      for (const { name, optional, ok, found, remedy } of rows) {
        const state = ok ? 'ok      ' : optional ? 'optional' : 'missing ';
        streams.out(`${state}  ${name}: ${found}${ok ? '' : `. Remedy: ${remedy}`}\n`);
      }
    }
    return rows.every(({ ok, optional }) => ok || optional) ? exit.ok : exit.failed;
  },
};
