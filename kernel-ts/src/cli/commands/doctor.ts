/** npulab doctor: one line per thing that this machine needs, with the remedy where it is missing. */
import { type Command, exit, parse, type Streams } from '../command.js';
import { checks, type Finding } from '../doctor-checks.js';

export const doctor: Command = {
  help: `Usage: npulab doctor [--board ADDRESS] [--json]

Checks what NPU Lab needs here: one line each, with a remedy where something is missing. What is marked optional may be.

--board ADDRESS looks at a board instead (tcp://…, serial:///dev/…?baud=…, a name of the boards file): whether its port is free, an agent
answers, every byte of a pattern gets through and how fast, how its clock stands, who holds it.

Exit status: 0 everything needed is there, 1 something is missing.
`,
  async run(argv, streams) {
    const { values } = parse(
      argv,
      { json: { type: 'boolean' }, board: { type: 'string' } },
      { least: 0, most: 0, name: '' },
    );
    if (values.board !== undefined) {
      const { checkBoard } = await import('../board-checks.js');
      return report(
        (await checkBoard(values.board)).map((one) => ({ ...one, optional: false })),
        values.json === true,
        streams,
      );
    }
    const rows = await Promise.all(
      checks.map(async ({ name, optional, check }) => ({ name, optional, ...(await check()) })),
    );
    return report(rows, values.json === true, streams);
  },
};

/** One line per finding; fails where something needed is missing. */
function report(
  rows: readonly (Finding & { name: string; optional: boolean })[],
  json: boolean,
  streams: Streams,
): number {
  if (json) streams.out(`${JSON.stringify(rows, undefined, 1)}\n`);
  for (const { name, optional, ok, found, remedy } of json ? [] : rows) {
    const state = ok ? 'ok      ' : optional ? 'optional' : 'missing ';
    streams.out(`${state}  ${name}: ${found}${ok ? '' : `. Remedy: ${remedy}`}\n`);
  }
  return rows.every(({ ok, optional }) => ok || optional) ? exit.ok : exit.failed;
}
