/**
 * What each debug request does: the Debug Adapter Protocol's own commands, and those that Jupyter adds (`debugInfo`,
 * `dumpCell`, `inspectVariables`, `richInspectVariables`, `copyToGlobals`). Knows arguments and bodies.
 */
import { readFile } from 'node:fs/promises';
import { EngineError } from '../errors.js';
import { CAPABILITIES, EXCEPTION_FILTERS } from './capabilities.js';
import type { Arguments } from './dap.js';
import { type Debugger, THREAD } from './debugger.js';
import { HASH_SEED, SUFFIX } from './sources.js';
import { bundleOf, children, copyToGlobals, evaluate, setExpression, setVariable } from './values.js';

/** What a command needs before it runs: nothing, the process of the cells, a debugger that is on. */
interface Command {
  readonly needs: 'nothing' | 'child' | 'on';
  run(args: Arguments, debug: Debugger): Promise<object | undefined> | object | undefined;
}

/** Name → command. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  // The session.
  [
    'initialize',
    {
      needs: 'child',
      async run(args, debug) {
        debug.firstLine = lineBase(args, 'linesStartAt1');
        debug.firstColumn = lineBase(args, 'columnsStartAt1');
        // JupyterLab shows the type in place of the value, unless it is one of Python's.
        debug.typed = args.flag('supportsVariableType') && args.optionalString('clientID') !== 'jupyterlab';
        await debug.start();
        debug.emit('initialized');
        return CAPABILITIES;
      },
    },
  ],
  ['attach', { needs: 'on', run: attached }],
  ['launch', { needs: 'on', run: attached }],
  ['configurationDone', { needs: 'on', run: () => undefined }],
  [
    'disconnect',
    {
      needs: 'on',
      async run(args, debug) {
        if (args.flag('terminateDebuggee')) await debug.host.interrupt();
        await debug.end();
        return undefined;
      },
    },
  ],
  [
    'terminate',
    {
      needs: 'on',
      async run(_args, debug) {
        await debug.host.interrupt();
        await debug.end();
        return undefined;
      },
    },
  ],
  [
    'debugInfo',
    {
      needs: 'nothing',
      run: (_args, debug) => ({
        isStarted: debug.isOn,
        hashMethod: 'Murmur2',
        hashSeed: HASH_SEED,
        tmpFilePrefix: debug.sources.prefix,
        tmpFileSuffix: SUFFIX,
        breakpoints: debug.breakpoints.list(),
        stoppedThreads: debug.stop === undefined ? [] : [THREAD.id],
        richRendering: true,
        exceptionPaths: EXCEPTION_FILTERS.map(({ label }) => label),
        copyToGlobals: true,
      }),
    },
  ],
  // Sources.
  ['dumpCell', { needs: 'nothing', run: (args, debug) => ({ sourcePath: debug.sources.dump(args.string('code')) }) }],
  ['source', { needs: 'nothing', run: source }],
  [
    'loadedSources',
    { needs: 'on', run: (_args, debug) => ({ sources: loadedPaths(debug).map((path) => debug.scripts.source(path)) }) },
  ],
  [
    'modules',
    {
      needs: 'nothing',
      run(args, debug) {
        const all = debug.scripts.files().map((path) => ({ id: path, name: debug.scripts.source(path).name, path }));
        const start = args.optionalInteger('startModule') ?? 0;
        const count = args.optionalInteger('moduleCount') || all.length;
        return { modules: all.slice(start, start + count), totalModules: all.length };
      },
    },
  ],
  // Breakpoints.
  [
    'setBreakpoints',
    {
      needs: 'on',
      async run(args, debug) {
        const path = args.object('source').string('path');
        const asked = args.list('breakpoints').map((one) => ({
          line: one.integer('line') + 1 - debug.firstLine,
          condition: text(one, 'condition'),
          hitCondition: text(one, 'hitCondition'),
          logMessage: text(one, 'logMessage'),
        }));
        const shown = await debug.breakpoints.set(path, asked);
        return { breakpoints: shown.map((one) => ({ ...one, line: one.line - 1 + debug.firstLine })) };
      },
    },
  ],
  [
    'setExceptionBreakpoints',
    {
      needs: 'on',
      async run(args, debug) {
        const filters = args.strings('filters');
        const known = (filter: string): boolean => EXCEPTION_FILTERS.some((one) => one.filter === filter);
        const wrong = filters.find((filter) => !known(filter));
        if (wrong !== undefined) {
          const names = EXCEPTION_FILTERS.map(({ filter }) => filter).join(', ');
          throw new EngineError('debug.bad-request', `there is no filter ${JSON.stringify(wrong)}, only ${names}`);
        }
        await debug.pauseOnExceptions(
          filters.includes('raised') ? 'all' : filters.includes('uncaught') ? 'uncaught' : 'none',
        );
        return { breakpoints: filters.map(() => ({ verified: true })) };
      },
    },
  ],
  // Going on and stopping.
  ['continue', { needs: 'on', run: (_args, debug) => debug.go('resume').then(() => ({ allThreadsContinued: true })) }],
  ['next', { needs: 'on', run: (_args, debug) => debug.go('stepOver').then(() => undefined) }],
  ['stepIn', { needs: 'on', run: (_args, debug) => debug.go('stepInto').then(() => undefined) }],
  ['stepOut', { needs: 'on', run: (_args, debug) => debug.go('stepOut').then(() => undefined) }],
  ['pause', { needs: 'on', run: (_args, debug) => debug.pause().then(() => undefined) }],
  // Looking.
  ['threads', { needs: 'on', run: () => ({ threads: [THREAD] }) }],
  ['stackTrace', { needs: 'on', run: stackTrace }],
  [
    'scopes',
    {
      needs: 'on',
      async run(args, debug) {
        const stop = debug.stopped();
        return { scopes: await stop.scopes(stop.frame(args.integer('frameId'))) };
      },
    },
  ],
  ['exceptionInfo', { needs: 'on', run: exceptionInfo }],
  ['variables', { needs: 'child', run: async (args, debug) => ({ variables: await children(args, debug) }) }],
  ['setVariable', { needs: 'on', run: setVariable }],
  ['setExpression', { needs: 'on', run: setExpression }],
  ['evaluate', { needs: 'on', run: evaluate }],
  [
    'inspectVariables',
    {
      needs: 'child',
      async run(_args, debug) {
        if (debug.stop === undefined) await debug.inspector.release();
        return { variables: await debug.children((await debug.inspector.call('names')) as number) };
      },
    },
  ],
  ['richInspectVariables', { needs: 'child', run: bundleOf }],
  ['copyToGlobals', { needs: 'on', run: copyToGlobals }],
]);

function attached(_args: Arguments, debug: Debugger): undefined {
  debug.emit('process', { name: 'npulab kernel', isLocalProcess: true, startMethod: 'attach' });
  debug.emit('thread', { reason: 'started', threadId: THREAD.id });
}

function lineBase(args: Arguments, name: string): number {
  return args.optionalFlag(name) === false ? 0 : 1;
}

/** A text that says something; empty counts as left out. */
function text(args: Arguments, name: string): string | undefined {
  return args.optionalString(name)?.trim() || undefined;
}

function loadedPaths(debug: Debugger): string[] {
  const cells = [...debug.sources.all()].map(({ code }) => debug.sources.pathOf(code));
  return [...new Set([...cells, ...debug.scripts.files()])];
}

async function source(args: Arguments, debug: Debugger): Promise<object> {
  const path = args.object('source').string('path');
  const code = debug.sources.codeOf(path);
  if (code !== undefined) return { content: code, mimeType: 'text/typescript' };
  // Only what has been loaded: a debugger is no way to read any file.
  if (!debug.scripts.isLoaded(path)) throw new EngineError('debug.no-source', `there is no source ${path}`);
  const content = await readFile(path, 'utf8').catch((error: Error) => {
    throw new EngineError('debug.no-source', error.message);
  });
  return { content, mimeType: /\.(ts|mts|tsx)$/.test(path) ? 'text/typescript' : 'text/javascript' };
}

function stackTrace(args: Arguments, debug: Debugger): object {
  args.integer('threadId');
  const { frames } = debug.stopped();
  const start = args.optionalInteger('startFrame') ?? 0;
  const levels = args.optionalInteger('levels') || frames.length;
  const stackFrames = frames.slice(start, start + levels).map(({ id, name, source, line, column }) => ({
    id,
    name,
    source,
    line: line - 1 + debug.firstLine,
    column: column - 1 + debug.firstColumn,
  }));
  return { stackFrames, totalFrames: frames.length };
}

function exceptionInfo(_args: Arguments, debug: Debugger): object {
  debug.stopped();
  if (debug.exception === undefined)
    throw new EngineError('debug.not-stopped', 'the code is not stopped by an exception');
  const { value, uncaught } = debug.exception;
  const description = value.description ?? String(value.value);
  const [message = '', ...stack] = description.split('\n    at ');
  const typeName = (/^([\p{ID_Start}$_][\p{ID_Continue}$]*)(?:: |$)/u.exec(message)?.[1] ?? value.type) as string;
  return {
    exceptionId: typeName,
    description: message,
    breakMode: uncaught ? 'unhandled' : 'always',
    details: { message, typeName, stackTrace: stack.map((line) => `    at ${line}`).join('\n') },
  };
}
