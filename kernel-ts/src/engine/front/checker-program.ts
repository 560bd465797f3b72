/**
 * One state of the program that the checker's process holds. What every cell needs is asked directly; the compiler's own
 * API, which completion and inspection speak, is loaded when one of them asks first: it takes longer to load than a
 * cell to run.
 */
import type { API, Diagnostic, Project, Snapshot } from 'typescript/unstable/async';
import type { CheckerProcess } from './checker-process.js';

/** Answer to `updateSnapshot`, as far as it is read here. */
export interface SnapshotData {
  readonly snapshot: number;
  readonly projects: readonly { readonly id: string; readonly configFileName: string }[];
}

/** The API, once for each process. */
export class CheckerApi {
  readonly #process: CheckerProcess;
  readonly #folder: string;
  #api: Promise<API> | undefined;

  constructor(process: CheckerProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
  }

  /** The API's view of a state that was asked for without it. */
  async snapshot(data: SnapshotData): Promise<Snapshot> {
    this.#api ??= this.#load();
    const api = await this.#api;
    this.#process.answerEarly('updateSnapshot', data);
    return api.updateSnapshot({});
  }

  async #load(): Promise<API> {
    const { API } = await import('typescript/unstable/async');
    const api = new API({ cwd: this.#folder });
    (api as unknown as { client: CheckerProcess }).client = this.#process;
    return api;
  }
}

/** A state of the program. Give it back with `release`. */
export class CheckerProgram {
  readonly #process: CheckerProcess;
  readonly #api: CheckerApi;
  readonly #data: SnapshotData;
  #snapshot: Promise<Snapshot> | undefined;

  constructor(process: CheckerProcess, api: CheckerApi, data: SnapshotData) {
    this.#process = process;
    this.#api = api;
    this.#data = data;
  }

  /** Its number; the next state has the next one. */
  get id(): number {
    return this.#data.snapshot;
  }

  /** The parameters that every question about it carries; `id` may be that of the state to come. */
  at(id = this.id): { readonly snapshot: number; readonly project: string } {
    return { snapshot: id, project: this.#data.projects[0]?.id ?? '' };
  }

  async semanticDiagnostics(file: string): Promise<readonly Diagnostic[]> {
    const found = await this.#process.apiRequest('getSemanticDiagnostics', { ...this.at(), file });
    return (found as readonly Diagnostic[] | undefined) ?? [];
  }

  /** Paths of all files of the program. */
  async fileNames(): Promise<readonly string[]> {
    const names = await this.#process.apiRequest('getSourceFileNames', this.at());
    return (names as readonly string[] | undefined) ?? [];
  }

  /** The compiler's own view of the program. */
  async project(): Promise<Project> {
    this.#snapshot ??= this.#api.snapshot(this.#data);
    const project = (await this.#snapshot).getProjects()[0];
    if (project === undefined) throw new Error('the checker knows no project');
    return project;
  }

  /** Lets the process forget it. */
  release(): void {
    const given =
      this.#snapshot === undefined
        ? this.#process.apiRequest('release', { snapshot: this.id })
        : this.#snapshot.then((snapshot) => snapshot.dispose());
    given.catch(() => {}); // a process that has ended holds nothing
  }
}
