/**
 * npulab kernel CONNECTION_FILE: composes the Jupyter side and the engine. This process is the front: it never runs user
 * code. It ends by shutdown_request, by SIGTERM, or when its parent dies.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { createEngine, type EngineOptions } from '../../engine/index.js';
import { fileHistory, memoryHistory, readConnectionFile, startServer, watchParent } from '../../protocol/index.js';
import { type Command, checkMode, exit, parse } from '../command.js';
import { historyFile } from '../history-file.js';
import { openLog } from '../log-file.js';

export const kernel: Command = {
  help: `Usage: npulab kernel CONNECTION_FILE [--check error|warn|off]

The kernel. Jupyter calls it with the connection file that it has written.

  --check MODE  what a type error does: stop the cell (error, the default), warn, nothing (off);
                NPULAB_CHECK says the same for kernels that Jupyter starts

Further words are ignored: Jupyter's programs hand on their own.

Cells are remembered in npulab/history.jsonl in the user's data folder; NPULAB_HISTORY names another file, or off.
`,
  async run(argv) {
    const { values, words } = parse(
      argv,
      { check: { type: 'string', default: process.env.NPULAB_CHECK ?? 'error' } },
      // Front ends hand on what is theirs: `jupyter run FILE` gives the kernel the names of the files that it sends as cells.
      { least: 1, most: Number.POSITIVE_INFINITY, name: 'CONNECTION_FILE' },
    );
    // This process holds little and forgets most of it at once: room for young objects that grows to 48 MiB is of no use here.
    setFlagsFromString('--semi-space-growth-factor=1');
    // The same for what has lived longer: collected when it has grown by a third, and not when it has doubled.
    setFlagsFromString('--heap-growing-percent=30');
    const log = openLog();
    const connection = await readConnectionFile(words[0]!);
    const engine = createEngine({
      ...globals(),
      folder: process.cwd(),
      startsLater: true,
      check: checkMode(values.check),
      log,
    });
    const file = historyFile();
    const history = file === undefined ? memoryHistory() : fileHistory(file, randomUUID(), log.write);
    const server = await startServer({ connection, language: engine, history, log: log.write }).catch(
      async (error: Error) => {
        log.write(`not started: ${error.message}`);
        await engine.shutdown();
        throw error;
      },
    );
    engine.start(); // the sockets are bound: what is asked of the kernel itself is answered meanwhile
    const end = (why: string): void => {
      log.write(`ending: ${why}`);
      void server.close();
    };
    process.on('SIGINT', () => void server.interrupt());
    process.on('SIGTERM', () => end('SIGTERM'));
    process.on('uncaughtException', (error) => log.write(`uncaught: ${error.stack ?? error.message}`));
    process.on('unhandledRejection', (reason) => log.write(`unhandled: ${(reason as Error)?.stack ?? String(reason)}`));
    // The parent may close our output and live on.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
    watchParent(() => end('the parent process has died'));
    await server.closed;
    // Sockets linger up to a second for the last reply; nothing else may keep the process.
    process.exit(exit.ok);
  },
};

/** The names of a cell; a kernel built without them has Node's alone. */
function globals(): Pick<EngineOptions, 'globalsModule' | 'globalsTypes' | 'moduleTypes'> {
  const module = new URL('../cell-globals.js', import.meta.url);
  const types = fileURLToPath(new URL('../../../types/cell-names.d.ts', import.meta.url));
  const moduleTypes = { tslab: fileURLToPath(new URL('../../../types/tslab.d.ts', import.meta.url)) };
  if (!existsSync(module)) return {};
  return { globalsModule: module.href, moduleTypes, ...(existsSync(types) ? { globalsTypes: types } : {}) };
}
