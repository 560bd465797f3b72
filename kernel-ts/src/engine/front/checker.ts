/**
 * The type checker behind one small interface, over TypeScript 7's unstable API (a child process of this one). Knows no
 * evaluation. Surprise: the API has one current snapshot, so all questions go through one queue; and one changed file at a
 * time takes a millisecond where two at once take a rebuilt program.
 */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Diagnostic, Project } from 'typescript/unstable/async';
import { type Complaint, UNTYPED_MODULE } from '../complaint.js';
import type { CellAnalysis } from './analyze.js';
import { CellFiles, type StagedCell } from './cell-files.js';
import { CheckerFolder, sweep } from './checker-folder.js';
import { compilerOptions, knownGlobals, nodeTypes } from './checker-options.js';
import { CheckerProcess, compilerProgram } from './checker-process.js';
import { CheckerApi, CheckerProgram, type SnapshotData } from './checker-program.js';
import { placeStandardTypes } from './kept-types.js';
import { ownNames } from './own-names.js';
import { WasmDeclarations } from './wasm-declarations.js';

/** No errors in a notebook: evolving arrays read by later cells, a redeclaration within reach, `import a = require('b')`. */
const HARMLESS = new Set([7005, 7034, 1375, 1378, 1431, 1432, 2686, 1202]);
/** A module was not found: the program remembers that, and must forget it when the file or package has come. */
const NOT_FOUND = 'TS2307';
/** More changed files than this at once are worth a rebuilt program. */
const MAX_SINGLE_UPDATES = 8;

/** What a question asks first, where it is known before the update that it needs: all then travel together. */
export interface EarlyQuestion {
  readonly method: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** One answer; a process that takes longer is stuck, and is replaced before it costs a second question. */
const ANSWER_WITHIN_MS = 15_000;

/** Type checking, completion and inspection of one notebook. */
export class Checker {
  readonly files: CellFiles;
  readonly #place: CheckerFolder;
  readonly #wasm: WasmDeclarations;
  /** Declarations of `.wasm` files that the program must read again. */
  readonly #declared = new Set<string>();
  #process: CheckerProcess | undefined;
  #api: CheckerApi | undefined;
  #program: CheckerProgram | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #starting: Promise<void> | undefined;
  #closed = false;
  /** The notebook's own files that the program holds, and when they changed. */
  readonly #watched = new Map<string, number>();
  /** A cell's import was not found. */
  #missing = false;
  /** A cell's import has no types yet: looked for again where another cell imports, as that costs a new program. */
  #untyped = false;

  constructor(
    readonly folder: string,
    globalsTypes: string | undefined,
    moduleTypes: Readonly<Record<string, string>> = {},
  ) {
    this.#place = new CheckerFolder(folder);
    const { root, own, cells } = this.#place;
    this.#wasm = new WasmDeclarations(folder, root, own);
    const options = compilerOptions({ folder, root, own, moduleTypes });
    const more = [this.#wasm.packagesFile, ...(globalsTypes === undefined ? [] : [globalsTypes])];
    this.files = new CellFiles(cells, own, options, more, knownGlobals(globalsTypes));
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
    const early = [{ method: 'getSemanticDiagnostics', parameters: { file: staged.file } }];
    let damaged: readonly string[] = [];
    const prepare = (): void => {
      damaged = this.#declareWasm(staged.analysis.text);
      if (!this.#untyped || !staged.analysis.importsModules) return;
      this.#missing = true;
      this.#untyped = false;
    };
    return this.#ask(
      async (program) => {
        const { text, importsModules } = staged.analysis;
        const found = await program.semanticDiagnostics(staged.file);
        const ofDamaged = (message: string): boolean => damaged.some((name) => message.includes(`"${name}"`));
        const complaints = found
          .filter((one) => one.category === 1 && !HARMLESS.has(one.code) && one.pos < text.length)
          .filter((one) => !ofDamaged(one.text))
          .map(complaintOf)
          .sort((a, b) => a.start - b.start);
        if (importsModules) await this.#watchLocalFiles(program);
        this.#missing = complaints.some(({ code }) => code === NOT_FOUND);
        this.#untyped ||= complaints.some(({ code }) => code === UNTYPED_MODULE);
        return complaints;
      },
      { early, prepare },
    );
  }

  /** What the compiler says of a text that does not parse. */
  syntax(text: string): Promise<Complaint[]> {
    return this.explore(text, async ({ program }, file) =>
      (await program.getSyntacticDiagnostics(file)).map(complaintOf),
    );
  }

  /** Asks about a text that is not run: `scratchFile` holds it while `question` is answered. */
  explore<T>(
    text: string,
    question: (project: Project, file: string) => Promise<T>,
    early: readonly EarlyQuestion[] = [],
  ): Promise<T> {
    return this.#ask(async (program) => question(await program.project(), this.files.scratchFile), {
      prepare: () => {
        this.files.setScratch(text, ownNames(text));
        this.#declareWasm(text);
      },
      early,
    });
  }

  /** Stages a cell; see `CellFiles.stage`. */
  stage(analysis: CellAnalysis, cellId: string | undefined): StagedCell {
    return this.files.stage(analysis, cellId);
  }

  /**
   * Has files for the cells to come taken in while nobody waits: the program is built anew for them, which takes as long
   * as ten cells.
   */
  makeRoom(): void {
    if (this.#program === undefined || !this.files.makeRoom()) return;
    this.#ask(async () => {}).catch(() => {}); // whoever asks next is told
  }

  /** Ends the checker's process. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
    this.#place.remove();
  }

  /** Process id of the checker, for tests. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Gives the names in the text that lead to damaged files. */
  #declareWasm(text: string): readonly string[] {
    const { changed, removed, damaged } = this.#wasm.update(text);
    for (const file of changed) this.#declared.add(file);
    this.#missing ||= removed;
    return damaged;
  }

  #ask<T>(
    question: (program: CheckerProgram) => Promise<T>,
    { prepare = () => {}, early = [] }: { prepare?: () => void; early?: readonly EarlyQuestion[] } = {},
  ): Promise<T> {
    const work = (): Promise<T> => this.#answer(question, prepare, early);
    // At once where nothing waits: the checker then works while this thread goes on with the cell.
    const answer = this.#waiting === 0 ? work() : this.#queue.then(work);
    this.#waiting += 1;
    this.#queue = answer
      .catch(() => {})
      .then(() => {
        this.#waiting -= 1;
      });
    return answer;
  }

  async #answer<T>(
    question: (program: CheckerProgram) => Promise<T>,
    prepare: () => void,
    early: readonly EarlyQuestion[],
  ): Promise<T> {
    if (this.#program === undefined) await this.start();
    const stuck = setTimeout(() => void this.#drop(), ANSWER_WITHIN_MS);
    try {
      prepare();
      return await question(await this.#update(early));
    } finally {
      for (const { method } of early) this.#process?.forgetEarly(method);
      clearTimeout(stuck);
    }
  }

  async #update(early: readonly EarlyQuestion[]): Promise<CheckerProgram> {
    const { changed: own, config } = this.files.takeChanges();
    this.#place.write(own);
    const changed = [...this.#declared, ...own.keys()];
    this.#declared.clear();
    for (const [file, time] of this.#watched) {
      const now = changeTime(file);
      if (now !== time) changed.push(file);
      this.#watched.set(file, now);
    }
    const missing = this.#missing;
    this.#missing = false;
    if (missing) {
      placeStandardTypes(this.#place.own, { compiler: dirname(await compilerProgram()), node: nodeTypes() });
      await this.#replace({ invalidateAll: true }, early);
    } else if (config || changed.length > MAX_SINGLE_UPDATES) await this.#replace({ changed }, early);
    else for (const file of changed) await this.#replace({ changed: [file] }, file === changed.at(-1) ? early : []);
    const program = this.#program;
    if (program === undefined) throw new Error('the type checker has ended');
    if (changed.length > own.size) await this.#watchLocalFiles(program);
    return program;
  }

  /** `early` is sent with the update. It must name the state that the update will make: they are counted. */
  async #replace(
    fileChanges: { changed: string[] } | { invalidateAll: true },
    early: readonly EarlyQuestion[],
  ): Promise<void> {
    const [before, api, checking] = [this.#program, this.#api, this.#process];
    if (before === undefined || api === undefined || checking === undefined) return;
    // A state that does not come about leaves none: the process is of no use then.
    this.#program = undefined;
    const made = checking.together(() => {
      const answer = checking.apiRequest('updateSnapshot', { fileChanges });
      for (const one of early) checking.askEarly(one.method, { ...before.at(before.id + 1), ...one.parameters });
      before.release(); // behind the question: nobody waits for it
      return answer;
    });
    try {
      this.#program = new CheckerProgram(checking, api, (await made) as SnapshotData);
    } catch (error) {
      if (this.#process === checking) await this.#drop();
      throw error;
    }
    if (this.#program.id !== before.id + 1) for (const { method } of early) checking.forgetEarly(method);
  }

  async #open(): Promise<void> {
    if (this.#closed) throw new Error('the checker is closed');
    const program = await compilerProgram();
    const checking = new CheckerProcess(program, this.#place.cells);
    this.#process = checking;
    void checking.closed.then(() => {
      if (this.#process === checking) void this.#drop();
    });
    placeStandardTypes(this.#place.own, { compiler: dirname(program), node: nodeTypes() });
    this.files.takeChanges();
    this.#place.write(this.files.all());
    const made = checking.apiRequest('updateSnapshot', { openProjects: [this.files.configFile] });
    const api = new CheckerApi(checking, this.#place.cells);
    const opened = new CheckerProgram(checking, api, (await made) as SnapshotData);
    // The first question about a file binds the libraries; ask it before a cell waits for it.
    await opened.semanticDiagnostics(this.files.scratchFile);
    this.#api = api;
    this.#program = opened;
    sweep();
  }

  /** Remembers which of the notebook's files are in the program; their times tell when to hand them over again. */
  async #watchLocalFiles(program: CheckerProgram): Promise<void> {
    for (const file of await program.fileNames()) {
      const isLocal = file.startsWith(this.folder) && !file.startsWith(this.#place.root);
      if (!isLocal || this.#watched.has(file) || file.includes('/node_modules/')) continue;
      this.#watched.set(file, changeTime(file));
    }
  }

  async #drop(): Promise<void> {
    const lost = this.#process;
    this.#process = undefined;
    this.#api = undefined;
    this.#program = undefined;
    this.#starting = undefined;
    this.#watched.clear();
    await lost?.close();
  }
}

function changeTime(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function complaintOf(one: Diagnostic): Complaint {
  return { code: `TS${one.code}`, message: messageOf(one, 0), start: one.pos, end: one.end };
}

function messageOf(one: Diagnostic, depth: number): string {
  const more = (one.messageChain ?? []).map((next) => `\n${'  '.repeat(depth + 1)}${messageOf(next, depth + 1)}`);
  return one.text + more.join('');
}
