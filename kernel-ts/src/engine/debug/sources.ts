/**
 * The texts that can be debugged, by the names that front ends know them by. A cell's name is a hash of its text, so that
 * a front end finds the cell that a frame lies in without asking.
 *
 * Surprising: one name may stand for several scripts, since the same text run twice is compiled twice, perhaps differently.
 * Bound: texts of more than {@link MAX_CHARACTERS} together are forgotten, oldest first; their functions cannot be stopped in.
 */
import { join } from 'node:path';
import type { CompiledText } from '../channel.js';
import { analyzeCell } from '../front/analyze.js';
import { compileCell, NO_NAMES } from '../front/compile.js';
import type { TrailedText } from '../positions.js';
import { murmur2 } from './murmur2.js';

/** Seed of the hash, the one ipykernel uses. */
export const HASH_SEED = 0xc70f6907;
/** Behind the hash in a cell's name. */
export const SUFFIX = '.ts';
const MAX_CHARACTERS = 64 * 1024 * 1024;

/** A run of a cell's text. */
export interface Run {
  readonly code: string;
  readonly text: CompiledText;
  /** Names that the cell declares. */
  readonly names: readonly string[];
}

export class Sources {
  /** In front of the hash in a cell's name. No such file exists: `source` gives the text. */
  readonly prefix: string;
  /** Texts by name, run or not. */
  readonly #codes = new Map<string, string>();
  readonly #runs = new Map<string, Run>();
  #characters = 0;

  /** `folder` is where the names seem to lie; it makes them this kernel's own. */
  constructor(folder: string) {
    this.prefix = join(folder, '/');
  }

  /** Takes a text that is about to run. */
  add(run: Run): void {
    this.#runs.set(run.text.url, run);
    this.#characters += sizeOf(run);
    for (const [url, oldest] of this.#runs) {
      if (this.#characters <= MAX_CHARACTERS) break;
      this.#runs.delete(url);
      this.#characters -= sizeOf(oldest);
    }
  }

  /** The name of a text; the text can be asked for by it from now on. */
  dump(code: string): string {
    const path = this.pathOf(code);
    this.#codes.set(path, code);
    return path;
  }

  pathOf(code: string): string {
    return `${this.prefix}${murmur2(code, HASH_SEED)}${SUFFIX}`;
  }

  isCell(path: string): boolean {
    return path.startsWith(this.prefix);
  }

  /** The run that V8 knows by this URL. */
  run(url: string): Run | undefined {
    return this.#runs.get(url);
  }

  /** All runs of a text, oldest first. */
  runsOf(path: string): Run[] {
    return [...this.#runs.values()].filter(({ code }) => this.pathOf(code) === path);
  }

  /** The user's text. */
  codeOf(path: string): string | undefined {
    return this.#codes.get(path) ?? this.runsOf(path)[0]?.code;
  }

  /** A script of the text, of its newest run or compiled for the question alone; undefined where it does not compile. */
  textOf(path: string): TrailedText | undefined {
    const newest = this.runsOf(path).at(-1)?.text;
    const code = this.#codes.get(path);
    if (newest !== undefined || code === undefined) return newest;
    try {
      return compileCell(analyzeCell(code), 'npulab:dumped', 'cell', NO_NAMES);
    } catch {
      return undefined;
    }
  }

  /** Every run, oldest first. */
  all(): Iterable<Run> {
    return this.#runs.values();
  }

  /** The process that ran them is gone; dumped texts stay. */
  forgetRuns(): void {
    this.#runs.clear();
    this.#characters = 0;
  }
}

function sizeOf({ code, text }: Run): number {
  return code.length + text.js.length + text.trail.lowered.length + (text.trail.mappings?.length ?? 0);
}
