/** npulab run: a notebook from top to bottom, by papermill's conventions. Progress on stderr, so that stdout stays free. */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { timeLeftText } from '../../display/index.js';
import { buildsHere, type Notebook, renderReport } from '../../report/index.js';
import {
  type CellProgress,
  cellAt,
  firstOpen,
  formatNotebook,
  markError,
  type Parameters,
  parseNotebook,
  parseParameter,
  parseParameterText,
  type RunResult,
  runNotebook,
  unknownParameters,
  withEarlierOutputs,
  withoutMarks,
} from '../../report/runner/index.js';
import { type Command, checkMode, exit, parse, type Streams } from '../command.js';
import { CliError } from '../errors.js';
import { makeFolder } from '../folder.js';
import { kernelLog } from '../log-file.js';

export const run: Command = {
  help: `Usage: npulab run IN.ipynb -o OUT.ipynb [--html FILE] [-p NAME=VALUE]...

Runs all cells in a fresh kernel and writes the executed notebook. Stops at the first error, unless the cell is tagged
raises-exception; leaves out cells tagged skip-execution. Relative paths and imports start at the notebook's folder.

  -o, --output FILE         the executed notebook
  --html FILE               also write a self-contained report
  -p, --parameter NAME=VALUE  put a cell after the one tagged "parameters"; VALUE is JSON, or else text
  -y, --yaml TEXT           the same for several: a YAML or JSON mapping
  -f, --parameters-file FILE  the same from a file; -p wins over -y, and -y over -f
  --resume                  go on where OUT.ipynb stopped: at the first cell that failed, has not run, or was changed
  --from CELL               start there: a cell's id, or its number among the code cells
  --timeout SECONDS         interrupt a cell that takes longer, and end the run
  --check error|warn|off    what a type error does: stop (the default), warn, nothing; --no-check is --check off
  --quiet                   no progress

OUT.ipynb is written after each cell, so what has run is kept whatever happens; a cell that failed is marked as papermill
marks it. Variables end with their kernel: with --resume and --from the cells before keep their outputs and are not run,
except those tagged parameters or setup. Let the cells after a long step read what it has written.

Exit status: 0 all cells ran, 1 a cell failed (the outputs are written all the same), 2 wrong use, 130 interrupted.
`,
  async run(argv, streams) {
    const { values, words } = parse(
      argv,
      {
        output: { type: 'string', short: 'o' },
        html: { type: 'string' },
        parameter: { type: 'string', short: 'p', multiple: true, default: [] },
        yaml: { type: 'string', short: 'y', multiple: true, default: [] },
        'parameters-file': { type: 'string', short: 'f', multiple: true, default: [] },
        resume: { type: 'boolean' },
        from: { type: 'string' },
        timeout: { type: 'string' },
        check: { type: 'string' },
        'no-check': { type: 'boolean' },
        quiet: { type: 'boolean' },
      },
      { least: 1, most: 1, name: 'IN.ipynb' },
    );
    if (values.output === undefined && values.html === undefined)
      throw new CliError('cli.usage', '-o OUT.ipynb is missing');
    const check = values['no-check'] === true ? 'off' : values.check;
    if (check !== values.check && values.check !== undefined)
      throw new CliError('cli.usage', '--check and --no-check exclude each other');
    if (check !== undefined) process.env.NPULAB_CHECK = checkMode(check);
    const path = resolve(words[0]!);
    const { notebook, from } = await start(withoutMarks(parseNotebook(await read(path), basename(path))), values);
    if (from === 'nothing') {
      streams.err(`npulab: ${values.output} has all cells: nothing to resume\n`);
      return exit.ok;
    }
    const files = await Promise.all(values['parameters-file'].map(async (file) => [await read(resolve(file)), file]));
    const parameters: Parameters = Object.assign(
      {},
      ...files.map(([text = '', file = '']) => parseParameterText(text, file)),
      ...values.yaml.map((text) => parseParameterText(text, '-y')),
      Object.fromEntries(values.parameter.map(parseParameter)),
    );
    for (const name of unknownParameters(notebook, parameters)) {
      streams.err(`npulab: warning: the cell tagged "parameters" does not declare "${name}"\n`);
    }
    for (const file of [values.output, values.html]) if (file !== undefined) await prove(resolve(file));
    const { signal, release } = interruptible(streams);
    const onProgress = values.quiet ? () => {} : progressLines(streams);
    const result = await runNotebook(notebook, {
      folder: dirname(path),
      parameters,
      ...(from === undefined ? {} : { from: from.cell }),
      ...(values.output === undefined ? {} : { onCell: keeper(resolve(values.output)) }),
      ...(values.timeout === undefined ? {} : { cellTimeoutMs: secondsToMs(values.timeout) }),
      signal,
      onProgress,
      logFile: kernelLog,
    }).finally(release);
    await writeResults(result, values, parameters, basename(path, extname(path)), streams);
    if (!result.error) {
      streams.err(`npulab: done in ${seconds(result.durationMs)}\n`);
      return exit.ok;
    }
    const { cell, id, ename, evalue, traceback } = result.error;
    streams.err(`npulab: cell ${cell} (${id}) failed: ${ename}: ${evalue}\n${traceback.join('\n')}\n`);
    return signal.aborted ? exit.interrupted : exit.failed;
  },
};

async function writeResults(
  { notebook, error }: RunResult,
  files: { output?: string | undefined; html?: string | undefined },
  parameters: Parameters,
  name: string,
  streams: Streams,
): Promise<void> {
  if (files.output !== undefined)
    await write(resolve(files.output), formatNotebook(error ? markError(notebook, error.id) : notebook));
  if (files.html !== undefined) {
    await write(resolve(files.html), renderReport(notebook, { name, parameters, builds: buildsHere() }));
  }
  for (const file of [files.output, files.html]) if (file !== undefined) streams.err(`npulab: wrote ${file}\n`);
}

/** Where to start, and the notebook with what an earlier run has left before that. */
async function start(
  notebook: Notebook,
  { output, resume, from }: { output?: string | undefined; resume?: boolean | undefined; from?: string | undefined },
): Promise<{ notebook: Notebook; from?: { cell: string } | 'nothing' }> {
  if (!resume && from === undefined) return { notebook };
  if (resume && from !== undefined) throw new CliError('cli.usage', '--resume and --from exclude each other');
  if (resume && output === undefined) throw new CliError('cli.usage', '--resume needs -o, the notebook to go on with');
  const done =
    output !== undefined && existsSync(output) ? parseNotebook(await read(resolve(output)), output) : undefined;
  if (from === undefined && done === undefined) return { notebook };
  const cell = from === undefined ? done && firstOpen(notebook, done) : cellAt(notebook, from);
  if (cell === undefined) return { notebook, from: 'nothing' };
  return { notebook: done ? withEarlierOutputs(notebook, done, cell) : notebook, from: { cell } };
}

/** Writes the notebook as far as it has come, at most once a second: a killed run keeps what it has done. */
function keeper(path: string): (notebook: Notebook) => void {
  let keptAtMs = 0;
  return (notebook) => {
    if (performance.now() - keptAtMs < 1000 && keptAtMs > 0) return;
    keptAtMs = performance.now();
    try {
      makeFolder(dirname(path));
      writeFileSync(`${path}.new`, formatNotebook(notebook));
      renameSync(`${path}.new`, path);
    } catch {
      // The end of the run writes again, and says what is wrong.
    }
  };
}

/** Each cell's seconds when it has ended, and how long the rest will take. */
function progressLines(streams: Streams): (progress: CellProgress) => void {
  return ({ cell, cells, durationMs, failed, remainingMs = 0 }) => {
    if (durationMs === undefined) return;
    const left = timeLeftText(remainingMs);
    const parts = [
      `cell ${cell}/${cells} ${seconds(durationMs)}${failed ? ' failed' : ''}`,
      ...(left === '' ? [] : [left]),
    ];
    streams.err(`${parts.join(', ')}\n`);
  };
}

/** @throws CliError `cli.usage` for anything but a positive number. */
function secondsToMs(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 2_000_000) throw new CliError('cli.usage', `--timeout ${text} is no number of seconds`);
  return value * 1000;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(2)} s`;
}

/** The first Ctrl-C interrupts the cell, the second ends everything. */
function interruptible(streams: Streams): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exit.interrupted);
    streams.err('npulab: interrupting the cell; again to end at once\n');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  return { signal: controller.signal, release: () => process.off('SIGINT', onSignal) };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliError('cli.unreadable', `cannot read ${path}`, { cause });
  }
}

/** Finds out before the run, not hours later, that its result has nowhere to go. */
async function prove(path: string): Promise<void> {
  await writing(path, async (draft) => {
    if (existsSync(path)) await appendFile(path, '');
    await writeFile(draft, '');
    await rm(draft);
  });
}

async function write(path: string, text: string): Promise<void> {
  await writing(path, async (draft) => {
    await writeFile(draft, text);
    await rename(draft, path);
  });
}

/** Calls `work` with the name under which the file is written until it is whole. */
async function writing(path: string, work: (draft: string) => Promise<void>): Promise<void> {
  try {
    makeFolder(dirname(path));
    await work(`${path}.new`);
  } catch (cause) {
    throw new CliError('cli.unwritable', `cannot write ${path}`, { cause });
  }
}
