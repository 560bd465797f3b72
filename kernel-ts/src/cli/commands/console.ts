/** npulab console: cells from a terminal or a pipe, over the kernel's own protocol. */
import { type Connection, readConnectionFile } from '../../protocol/index.js';
import { connectClient, kernelCommand, startKernel } from '../../report/runner/index.js';
import { type Command, checkMode, exit, parse } from '../command.js';
import { Lines } from '../console/lines.js';
import { Printer } from '../console/printer.js';
import { Session } from '../console/session.js';
import { kernelLog } from '../log-file.js';

/** How long a kernel may take to end. */
const endWithinMs = 5000;

export const consoleCommand: Command = {
  help: `Usage: npulab console [--check error|warn|off] [--existing CONNECTION_FILE]

Cells from the terminal: several lines where a cell is not complete, Tab completes, the arrow keys give earlier cells,
NAME? shows what is known of a name, Ctrl-C stops the cell that runs, Ctrl-D ends. Pictures are shown by their text.
Takes cells from a pipe as well; two empty lines end one that stands open.

  --check MODE              what a type error does: stop the cell (error, the default), warn, nothing (off)
  --existing CONNECTION_FILE  talk to a kernel that runs already; it goes on when the console ends

Colours only in a terminal, and not where NO_COLOR is set.
`,
  async run(argv, streams) {
    const options = { check: { type: 'string' }, existing: { type: 'string' } } as const;
    const { values } = parse(argv, options, { least: 0, most: 0, name: '' });
    if (values.check !== undefined) process.env.NPULAB_CHECK = checkMode(values.check);
    const own = values.existing === undefined ? await startKernel(process.cwd(), kernelCommand, logOptions) : undefined;
    const connection: Connection = own?.connection ?? (await readConnectionFile(values.existing!));
    const client = connectClient(connection);
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const printer = new Printer(streams, { isTerminal, colours: isTerminal && !process.env.NO_COLOR });
    const session = new Session(client, printer);
    const lines: Lines = new Lines({
      ...{ input: process.stdin, output: process.stdout, isTerminal, completer: session.complete },
      onInterrupt: () => session.interrupt(lines),
    });
    const onSignal = (): void => session.interrupt(lines);
    process.on('SIGINT', onSignal);
    try {
      const talk = async (): Promise<void> => {
        const { banner } = await client.kernel.info;
        if (isTerminal) {
          printer.note(`${banner}\nCtrl-D ends; NAME? shows what is known of a name.`);
          lines.remember(await earlierCells(client.kernel));
        }
        await session.run(lines);
        if (own) await client.shutdown().catch(() => {});
      };
      await (own ? Promise.race([talk(), own.died]) : talk());
      return exit.ok;
    } finally {
      process.off('SIGINT', onSignal);
      lines.close();
      client.close();
      await own?.end(endWithinMs);
    }
  },
};

/** What somebody types is worth remembering. */
const logOptions = { logFile: (pid: number): string => kernelLog(pid), keepsHistory: true } as const;

async function earlierCells(kernel: ReturnType<typeof connectClient>['kernel']): Promise<string[]> {
  const { content } = await kernel.requestHistory({ hist_access_type: 'tail', n: 500, output: false, raw: true });
  const rows = content.status === 'ok' ? (content.history as [number, number, string][]) : [];
  return rows.map(([, , code]) => code).reverse();
}
