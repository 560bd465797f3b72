/**
 * What the user wants to stop at, and what V8 was told for it. Knows both; refuses to know stops.
 *
 * Surprising: breakpoints of a cell are placed anew for each run of its text, before that run begins, because two runs of
 * one text are two scripts. Those of a file are placed when V8 is about to run a version of it.
 */
import { pathToFileURL } from 'node:url';
import { EngineError } from '../errors.js';
import { conditionOf, type StopRule } from './code.js';
import { type Inspector, Plain } from './inspector.js';
import { type BreakpointPlace, breakpointPlace } from './lines.js';
import { type Script, type Scripts, trailOf } from './scripts.js';
import type { Run, Sources } from './sources.js';

/** A line the front end asks for. */
export interface Asked extends StopRule {
  readonly line: number;
}

/** A breakpoint as the front end sees it. */
export interface ShownBreakpoint {
  readonly id: number;
  readonly verified: boolean;
  readonly line: number;
  readonly source: { readonly path: string };
  readonly message?: string;
}

interface Wanted {
  readonly id: number;
  readonly line: number;
  readonly condition: string | undefined;
}

export class Breakpoints {
  /** A breakpoint of a file has found its place. */
  onPlaced: (breakpoint: ShownBreakpoint) => void = () => {};
  readonly #inspector: Inspector;
  readonly #sources: Sources;
  readonly #scripts: Scripts;
  readonly #wanted = new Map<string, readonly Wanted[]>();
  /** V8's id → ours, and the source it is in. */
  readonly #placed = new Map<string, { readonly id: number; readonly path: string }>();
  #sequence = 0;
  /** V8's id of the stop before every script with a source map: our files carry one. */
  #beforeFiles: string | undefined;

  constructor(inspector: Inspector, sources: Sources, scripts: Scripts) {
    this.#inspector = inspector;
    this.#sources = sources;
    this.#scripts = scripts;
  }

  /** Replaces all breakpoints of a source. */
  async set(path: string, asked: readonly Asked[]): Promise<ShownBreakpoint[]> {
    await this.#remove(path);
    const wanted: Wanted[] = [];
    const shown: ShownBreakpoint[] = [];
    for (const { line, ...rule } of asked) {
      this.#sequence += 1;
      const id = this.#sequence;
      try {
        const condition = conditionOf(id, line, rule);
        const place = await this.#placeIn(path, line);
        if (place === 'none') throw new EngineError('debug.no-code', `there is no code at line ${line} or below`);
        wanted.push({ id, line, condition });
        shown.push(place === 'unknown' ? pending(id, line, path) : placedAt(id, place.line, path));
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        const message = `${error.message}. ${error.remedy}`;
        shown.push({ id, verified: false, line, source: { path }, message });
      }
    }
    if (wanted.length === 0) this.#wanted.delete(path);
    else this.#wanted.set(path, wanted);
    await this.#place(path);
    return shown;
  }

  /** What `debugInfo` lists: lines by source. */
  list(): { source: string; breakpoints: { line: number }[] }[] {
    return [...this.#wanted].map(([source, wanted]) => ({ source, breakpoints: wanted.map(({ line }) => ({ line })) }));
  }

  /** Our id of V8's breakpoint. */
  idOf(placed: string): number | undefined {
    return this.#placed.get(placed)?.id;
  }

  /** Places what is wanted in a text that is about to run. */
  async beforeRun(path: string, run: Run): Promise<void> {
    await Promise.all((this.#wanted.get(path) ?? []).map((one) => this.#inRun(path, one, run)));
  }

  /** Places what is wanted in a file that has been loaded. */
  async inFile(script: Script): Promise<void> {
    if (!isCompiled(script.path)) return;
    await Promise.all((this.#wanted.get(script.path) ?? []).map((one) => this.#inScript(one, script)));
  }

  /** V8 has forgotten everything: tells it again. */
  async again(): Promise<void> {
    this.#placed.clear();
    this.#beforeFiles = undefined;
    for (const path of this.#wanted.keys()) await this.#place(path);
  }

  /** Forgets everything; the session ends. */
  clear(): void {
    this.#wanted.clear();
    this.#placed.clear();
    this.#beforeFiles = undefined;
  }

  async #place(path: string): Promise<void> {
    const wanted = this.#wanted.get(path) ?? [];
    if (this.#sources.isCell(path)) {
      for (const run of this.#sources.runsOf(path)) for (const one of wanted) await this.#inRun(path, one, run);
    } else if (!isCompiled(path)) {
      const urlRegex = `^${escaped(pathToFileURL(path).href)}([?#].*)?$`;
      for (const one of wanted) await this.#tell(path, one, { urlRegex }, asWritten(one.line));
    } else {
      for (const script of this.#scripts.filesOf(path)) for (const one of wanted) await this.#inScript(one, script);
      await this.#watchFiles();
    }
  }

  /** Stops before files run exactly as long as breakpoints in files are wanted. */
  async #watchFiles(): Promise<void> {
    const needed = [...this.#wanted.keys()].some((path) => !this.#sources.isCell(path) && isCompiled(path));
    if (needed && this.#beforeFiles === undefined) {
      const instrumentation = 'beforeScriptWithSourceMapExecution';
      const set = await this.#inspector.command('Debugger.setInstrumentationBreakpoint', { instrumentation });
      this.#beforeFiles = (set as { breakpointId: string }).breakpointId;
    } else if (!needed && this.#beforeFiles !== undefined) {
      const breakpointId = this.#beforeFiles;
      this.#beforeFiles = undefined;
      await this.#inspector.command('Debugger.removeBreakpoint', { breakpointId });
    }
  }

  async #inRun(path: string, wanted: Wanted, { text }: Run): Promise<void> {
    const place = breakpointPlace(text, wanted.line);
    if (place !== undefined) await this.#tell(path, wanted, { url: text.url }, place);
  }

  async #inScript(wanted: Wanted, script: Script): Promise<void> {
    const place = await this.#placeInScript(script, wanted.line);
    if (place === undefined) return;
    await this.#tell(script.path, wanted, { url: script.url }, place);
    this.onPlaced(placedAt(wanted.id, place.line, script.path));
  }

  async #tell(
    path: string,
    { id, condition }: Wanted,
    where: { url: string } | { urlRegex: string },
    place: BreakpointPlace,
  ): Promise<void> {
    try {
      const set = await this.#inspector.command('Debugger.setBreakpointByUrl', {
        ...where,
        lineNumber: place.script.line,
        columnNumber: place.script.column,
        ...(condition === undefined ? {} : { condition }),
      });
      this.#placed.set((set as { breakpointId: string }).breakpointId, { id, path });
    } catch (error) {
      // Two lines may stand for one place: it stops once.
      if (!(error as Error).message.includes('already exists')) throw error;
    }
  }

  async #remove(path: string): Promise<void> {
    const removed = [...this.#placed].filter(([, one]) => one.path === path);
    for (const [breakpointId] of removed) {
      this.#placed.delete(breakpointId);
      await this.#inspector.command('Debugger.removeBreakpoint', { breakpointId });
    }
    if (removed.length > 0) await this.#inspector.call('forgetHits', new Plain(removed.map(([, { id }]) => id)));
  }

  /** Where a line's breakpoint will be, as far as it can be known before the text has run. */
  async #placeIn(path: string, line: number): Promise<BreakpointPlace | 'none' | 'unknown'> {
    if (line < 1) return 'none';
    if (this.#sources.isCell(path)) {
      const text = this.#sources.textOf(path);
      return text === undefined ? 'unknown' : (breakpointPlace(text, line) ?? 'none');
    }
    const script = this.#scripts.filesOf(path).at(-1);
    return script === undefined ? 'unknown' : ((await this.#placeInScript(script, line)) ?? 'none');
  }

  async #placeInScript({ id, mappings }: Script, line: number): Promise<BreakpointPlace | undefined> {
    if (mappings === undefined) return asWritten(line);
    const { scriptSource } = (await this.#inspector.command('Debugger.getScriptSource', { scriptId: id })) as {
      scriptSource: string;
    };
    return breakpointPlace(trailOf(scriptSource, mappings), line);
  }
}

function placedAt(id: number, line: number, path: string): ShownBreakpoint {
  return { id, verified: true, line, source: { path } };
}

function pending(id: number, line: number, path: string): ShownBreakpoint {
  return { id, verified: false, line, source: { path }, message: 'It is set when the file is loaded.' };
}

/** Whether a file of this name is compiled when it is loaded. */
function isCompiled(path: string): boolean {
  return /\.(ts|mts|tsx)$/.test(path);
}

function asWritten(line: number): BreakpointPlace {
  return { line, script: { line: line - 1, column: 0 } };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
