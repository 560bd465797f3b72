/**
 * The type checker behind one small interface, over TypeScript 7's unstable API (a child process of this one). Knows no
 * evaluation. Surprise: the API has one current snapshot, so all questions go through one queue.
 */

import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { API, type Diagnostic, type Project, type Snapshot } from 'typescript/unstable/async';
import type { CellAnalysis } from './analyze.js';
import { CellFiles, type StagedCell } from './cell-files.js';
import type { Complaint } from './shown.js';

/** Codes that are no errors in a notebook: evolving arrays read by later cells, and a redeclaration within reach. */
const HARMLESS = new Set([7005, 7034, 1375, 1378, 1431, 1432, 2686]);

const require = createRequire(import.meta.url);

/** Type checking, completion and inspection of one notebook. */
export class Checker {
  readonly files: CellFiles;
  #api: API | undefined;
  #snapshot: Snapshot | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #starting: Promise<void> | undefined;
  #closed = false;
  /** The notebook's own files that the program holds, and when they changed. */
  readonly #watched = new Map<string, number>();

  constructor(
    readonly folder: string,
    globalsTypes: string | undefined,
    moduleTypes: Readonly<Record<string, string>> = {},
  ) {
    const types = packageFolder('@types/node');
    const typeRoots = [join(folder, 'node_modules/@types'), ...(types === undefined ? [] : [dirname(types)])];
    this.files = new CellFiles(
      folder,
      {
        strict: true,
        target: 'esnext',
        lib: ['es2023', 'esnext.disposable', 'esnext.decorators'],
        module: 'esnext',
        moduleResolution: 'bundler',
        customConditions: ['node'],
        types: types === undefined ? [] : ['node'],
        typeRoots,
        noEmit: true,
        allowUmdGlobalAccess: true,
        allowImportingTsExtensions: true,
        resolveJsonModule: true,
        skipLibCheck: true,
        paths: {
          ...ownPackages(folder),
          ...Object.fromEntries(Object.entries(moduleTypes).map(([name, types]) => [name, [types]])),
        },
      },
      globalsTypes === undefined ? [] : [globalsTypes],
      knownGlobals(globalsTypes),
    );
  }

  /** Starts the checker's process, once; rejects when it cannot start. */
  start(): Promise<void> {
    this.#starting ??= this.#open().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /** Complaints about a cell whose text is staged, in the order of the text. */
  check(staged: StagedCell): Promise<Complaint[]> {
    return this.#ask(async (project) => {
      const found = await project.program.getSemanticDiagnostics(staged.file);
      const length = staged.analysis.text.length;
      return found
        .filter((one) => one.category === 1 && !HARMLESS.has(one.code) && one.pos < length)
        .map(complaintOf)
        .sort((a, b) => a.start - b.start);
    });
  }

  /** What the compiler says of a text that does not parse. */
  syntax(text: string): Promise<Complaint[]> {
    return this.#ask(
      async (project) => (await project.program.getSyntacticDiagnostics(this.files.scratchFile)).map(complaintOf),
      () => this.files.setScratch(text),
    );
  }

  /** Asks about a text that is not run: `scratchFile` holds it while `question` is answered. */
  explore<T>(text: string, question: (project: Project, file: string) => Promise<T>): Promise<T> {
    return this.#ask(
      (project) => question(project, this.files.scratchFile),
      () => this.files.setScratch(text),
    );
  }

  /** Stages a cell; see `CellFiles.stage`. */
  stage(analysis: CellAnalysis, cellId: string | undefined): StagedCell {
    return this.files.stage(analysis, cellId);
  }

  /** Hands pending changes to the checker ahead of the next question. */
  settle(): void {
    if (this.#snapshot !== undefined) this.#ask(async () => {}).catch(() => {});
  }

  /** Ends the checker's process. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  /** Process id of the checker, for tests. */
  get pid(): number | undefined {
    return processOf(this.#api)?.pid;
  }

  #ask<T>(question: (project: Project) => Promise<T>, prepare: () => void = () => {}): Promise<T> {
    const answer = this.#queue.then(async () => {
      await this.start();
      prepare();
      await this.#update();
      const project = this.#snapshot?.getProject(this.files.configFile);
      if (project === undefined) throw new Error('the checker knows no project');
      return this.#guarded(question(project));
    });
    this.#queue = answer.catch(() => {});
    return answer;
  }

  async #update(): Promise<void> {
    const { changed, config } = this.files.takeChanges();
    const created: string[] = [];
    for (const [file, time] of this.#watched) {
      const now = changeTime(file);
      if (now !== time) (time === 0 ? created : changed).push(file);
      this.#watched.set(file, now);
    }
    if (changed.length === 0 && created.length === 0 && !config) return;
    const before = this.#snapshot;
    const all = config ? [...changed, this.files.configFile] : changed;
    this.#snapshot = await this.#guarded((this.#api as API).updateSnapshot({ fileChanges: { changed: all, created } }));
    before?.dispose().catch(() => {});
  }

  async #open(): Promise<void> {
    if (this.#closed) throw new Error('the checker is closed');
    const api = new API({
      cwd: this.folder,
      fs: {
        readFile: (file) => {
          const own = this.files.read(file);
          if (own === undefined && this.#isLocal(file)) this.#watched.set(file, changeTime(file));
          return own;
        },
        fileExists: (file) => {
          if (this.files.read(file) !== undefined) return true;
          if (this.#isLocal(file)) this.#watched.set(file, changeTime(file));
          return undefined;
        },
      },
    });
    this.#api = api;
    this.files.takeChanges();
    this.#snapshot = await this.#guarded(api.updateSnapshot({ openProjects: [this.files.configFile] }));
    const lost = processOf(api);
    lost?.once('exit', () => {
      if (this.#api === api) void this.#drop();
    });
    if (lost !== undefined) forgiveWrites(lost);
    // The first question about a file binds the libraries; ask it before a cell waits for it.
    await this.#snapshot.getProject(this.files.configFile)?.program.getSemanticDiagnostics(this.files.scratchFile);
  }

  #isLocal(file: string): boolean {
    return file.startsWith(this.folder) && !file.includes('/node_modules/') && /\.(m?tsx?|m?js|json)$/.test(file);
  }

  /** Rejects when the process ends while it is asked. */
  #guarded<T>(answer: Promise<T>): Promise<T> {
    const owner = processOf(this.#api);
    if (owner === undefined) return answer;
    return new Promise<T>((resolve, reject) => {
      const gone = (): void => reject(new Error('the process of the type checker ended'));
      if (owner.exitCode !== null || owner.signalCode !== null) return gone();
      owner.once('exit', gone);
      answer.then(resolve, reject).finally(() => owner.off('exit', gone));
    });
  }

  async #drop(): Promise<void> {
    const api = this.#api;
    this.#api = undefined;
    this.#snapshot = undefined;
    this.#starting = undefined;
    const owner = processOf(api);
    if (owner === undefined || owner.exitCode !== null || owner.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => owner.once('exit', () => resolve()));
    owner.kill('SIGKILL'); // it holds nothing, and asking it to close waits for its answers
    await gone;
  }
}

function changeTime(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

type Write = (bytes: unknown, ...rest: unknown[]) => boolean;

/** A write to a process that has ended is told by its end; the API would reject a promise that nobody can catch. */
function forgiveWrites({ stdin }: ApiProcess): void {
  const write = stdin.write.bind(stdin);
  stdin.write = (bytes, ...rest) => {
    const done = rest.pop();
    return write(bytes, ...rest, typeof done === 'function' ? () => done() : done);
  };
}

interface ApiProcess {
  readonly stdin: { write: Write };
  readonly pid?: number;
  readonly exitCode: number | null;
  readonly signalCode: string | null;
  kill(signal: string): void;
  once(event: 'exit', listener: () => void): void;
  off(event: 'exit', listener: () => void): void;
}

/** The API keeps its process to itself; losing it silently would hang a cell. */
function processOf(api: API | undefined): ApiProcess | undefined {
  return (api as unknown as { client?: { process?: ApiProcess } } | undefined)?.client?.process;
}

function complaintOf(one: Diagnostic): Complaint {
  return { code: `TS${one.code}`, message: messageOf(one, 0), start: one.pos, end: one.end };
}

function messageOf(one: Diagnostic, depth: number): string {
  const more = (one.messageChain ?? []).map((next) => `\n${'  '.repeat(depth + 1)}${messageOf(next, depth + 1)}`);
  return one.text + more.join('');
}

function packageFolder(name: string): string | undefined {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** `@npulab/*` from the kernel's install, where the notebook's folder has none. */
function ownPackages(folder: string): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  const fromFolder = createRequire(join(folder, 'cell.mjs'));
  for (const name of ['@npulab/board', '@npulab/quant', '@npulab/addon']) {
    try {
      const bases = fromFolder.resolve.paths(name) ?? [];
      const has = bases.some((base) => {
        try {
          readFileSync(join(base, name, 'package.json'));
          return true;
        } catch {
          return false;
        }
      });
      if (has) continue;
      const bases2 = require.resolve.paths(name) ?? [];
      for (const base of bases2) {
        try {
          const found = JSON.parse(readFileSync(join(base, name, 'package.json'), 'utf8')) as {
            exports?: { '.'?: { types?: string } };
          };
          const types = found.exports?.['.']?.types;
          if (types !== undefined) paths[name] = [join(base, name, types)];
          break;
        } catch {
          // not in this folder
        }
      }
    } catch {
      // the package is not installed at all
    }
  }
  return paths;
}

/** Names that exist without any cell: Node's, and those of the lab's declarations. */
function knownGlobals(globalsTypes: string | undefined): ReadonlySet<string> {
  const names = new Set(Object.getOwnPropertyNames(globalThis));
  for (const name of ['require', 'module', 'exports', '__dirname', '__filename']) names.add(name);
  if (globalsTypes !== undefined) {
    let text = '';
    try {
      text = readFileSync(globalsTypes, 'utf8');
    } catch {
      // no declarations: the checker will say that the names are unknown
    }
    for (const match of text.matchAll(
      /^\s*(?:export\s+)?(?:declare\s+)?(?:const|let|var|function|class|namespace|interface|type|enum)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gmu,
    )) {
      names.add(match[1] as string);
    }
  }
  return names;
}
