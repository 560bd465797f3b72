/** Starts engines in folders of their own and collects what they give, without waiting for time to pass. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type CellOutcome,
  createEngine,
  type Engine,
  type EngineOptions,
  type EngineOutput,
} from '../../dist/engine/index.js';

/** What one cell gave. */
export interface Ran {
  readonly requestId: string;
  readonly outcome: CellOutcome;
  /** Outputs up to the outcome. */
  readonly outputs: readonly EngineOutput[];
  /** Text of both streams up to the outcome. */
  readonly stdout: string;
  readonly stderr: string;
  /** `text/plain` of the result. */
  readonly result: unknown;
  /** Lines of the error, or an empty list. */
  readonly traceback: readonly string[];
}

export interface Lab {
  readonly engine: Engine;
  readonly folder: string;
  /** Lines of the engine's log. */
  readonly logged: readonly string[];
  run(code: string, more?: Partial<Parameters<Engine['execute']>[0]>): Promise<Ran>;
  /** Starts a cell without waiting for its end. */
  start(code: string): { readonly requestId: string; readonly ended: Promise<Ran> };
  /** Resolves when the outputs of a request fulfil `test`; also counts those that came before. */
  until(requestId: string, test: (outputs: readonly EngineOutput[]) => boolean): Promise<readonly EngineOutput[]>;
  write(name: string, text: string): void;
  close(): Promise<void>;
}

/** The globals module and its declarations that some tests use. */
export const GLOBALS = {
  globalsModule: pathToFileURL(fileURLToPath(new URL('./files/globals.mjs', import.meta.url))).href,
  globalsTypes: fileURLToPath(new URL('./files/globals.d.ts', import.meta.url)),
};

export function streamText(outputs: readonly EngineOutput[], name: 'stdout' | 'stderr'): string {
  const textOf = (one: EngineOutput): string => {
    if (one.kind === 'long-stream') return one.name === name ? JSON.parse(Buffer.from(one.json).toString()) : '';
    return one.kind === 'stream' && one.name === name ? one.text : '';
  };
  return outputs.map(textOf).join('');
}

export function startLab(options: Partial<EngineOptions> = {}): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-engine-'));
  const logged: string[] = [];
  const log = { path: join(folder, 'kernel.log'), write: (line: string) => void logged.push(line) };
  const engine = createEngine({ folder, check: 'error', log, ...options });
  const outputs = new Map<string, EngineOutput[]>();
  const watchers = new Set<() => void>();
  const of = (requestId: string): EngineOutput[] => {
    const list = outputs.get(requestId) ?? [];
    outputs.set(requestId, list);
    return list;
  };
  engine.onOutput = (requestId, output) => {
    of(requestId).push(output);
    for (const watcher of watchers) watcher();
  };
  let count = 0;
  const start: Lab['start'] = (code) => startWith(code, {});
  const startWith = (code: string, more: Partial<Parameters<Engine['execute']>[0]>) => {
    count++;
    const requestId = `request-${count}`;
    const request = {
      requestId,
      code,
      cellId: undefined,
      executionCount: count,
      silent: false,
      userExpressions: {},
      ...more,
    };
    const ended = engine.execute(request).then((outcome): Ran => {
      const list = [...of(requestId)];
      const result = list.find((one) => one.kind === 'result');
      return {
        requestId,
        outcome,
        outputs: list,
        stdout: streamText(list, 'stdout'),
        stderr: streamText(list, 'stderr'),
        result: result?.kind === 'result' ? result.data['text/plain'] : undefined,
        traceback: outcome.status === 'error' ? outcome.traceback : [],
      };
    });
    return { requestId, ended };
  };
  return {
    engine,
    folder,
    logged,
    start,
    run: (code, more = {}) => startWith(code, more).ended,
    until: (requestId, test) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!test(of(requestId))) return;
          watchers.delete(look);
          resolve(of(requestId));
        };
        watchers.add(look);
        look();
      }),
    write: (name, text) => writeFileSync(join(folder, name), text),
    close: async () => {
      await engine.shutdown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
