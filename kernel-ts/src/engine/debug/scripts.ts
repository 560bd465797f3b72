/**
 * The scripts that V8 has told of, and whose they are: runs of cells, files of the user, everything else. Knows positions;
 * refuses to know breakpoints.
 */
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompiledText } from '../channel.js';
import { type TrailedText, textOfPieces, userPosition } from '../positions.js';
import { originalPosition } from '../source-map.js';
import type { DapSource } from './dap.js';
import type { Run, Sources } from './sources.js';

/** A script of the user's. */
export interface Script {
  readonly id: string;
  readonly url: string;
  /** Name of its source: a cell's, or the file's. */
  readonly path: string;
  readonly run: Run | undefined;
  /** A file's source map, VLQ; undefined for what V8 runs as it is written. */
  readonly mappings: string | undefined;
}

export class Scripts {
  readonly #scripts = new Map<string, Script>();
  readonly #sources: Sources;
  readonly #folder: string;
  /** Folders whose files are not the user's. */
  hidden: readonly string[] = [];

  constructor(sources: Sources, folder: string) {
    this.#sources = sources;
    this.#folder = folder;
  }

  /** Takes a `Debugger.scriptParsed`; undefined where the script is not the user's. */
  add(params: Record<string, unknown>): Script | undefined {
    const { scriptId: id, url, sourceMapURL } = params as { scriptId: string; url: string; sourceMapURL?: string };
    const run = this.#sources.run(url);
    let path: string;
    if (run !== undefined) path = this.#sources.pathOf(run.code);
    else if (url.startsWith('file:')) path = fileURLToPath(url.replace(/[?#].*$/, ''));
    else return undefined;
    const script = { id, url, path, run, mappings: run === undefined ? mappingsOf(sourceMapURL) : undefined };
    this.#scripts.set(id, script);
    return script;
  }

  /** A script of the user's; undefined for Node's and the kernel's own. */
  get(id: string): Script | undefined {
    const script = this.#scripts.get(id);
    return script === undefined || this.hidden.some((folder) => script.path.startsWith(folder)) ? undefined : script;
  }

  /** Files with this path that have been loaded: one for each version. */
  filesOf(path: string): Script[] {
    return [...this.#scripts.values()].filter((script) => script.run === undefined && script.path === path);
  }

  /** The files of the user's that have been loaded, each once; packages only where they lie in the notebook's folder. */
  files(): string[] {
    const files = [...this.#scripts.keys()].flatMap((id) => this.get(id) ?? []).filter(({ run }) => run === undefined);
    const paths = files.map(({ path }) => path);
    const own = paths.filter((path) => path.startsWith(this.#folder) || !path.includes('/node_modules/'));
    return [...new Set(own)];
  }

  /** Whether a file has been loaded. */
  isLoaded(path: string): boolean {
    return [...this.#scripts.keys()].some((id) => this.get(id)?.path === path);
  }

  clear(): void {
    this.#scripts.clear();
  }

  /** The 1-based position in the user's text of V8's 0-based one. */
  place(script: Script, line: number, column: number): { line: number; column: number } {
    if (script.run !== undefined) {
      return userPosition(script.run.text, line + 1, column + 1) ?? { line: 1, column: 1 };
    }
    const found = script.mappings === undefined ? { line, column } : originalPosition(script.mappings, line, column);
    return { line: (found?.line ?? line) + 1, column: (found?.column ?? column) + 1 };
  }

  /** What front ends are told of a source. */
  source(path: string, text?: CompiledText): DapSource {
    const near = relative(this.#folder, path);
    const name = text?.label ?? (near.startsWith('..') || near.startsWith('/') ? basename(path) : near);
    return { name, path, sourceReference: 0 };
  }
}

/** A file's script as the compiler left it: the whole text is one piece. */
export function trailOf(js: string, mappings: string): TrailedText {
  return { js, trail: { lowered: js, pieces: textOfPieces([[0, 0, js.length]]), mappings } };
}

/** The mappings of a source map that the script carries itself. */
function mappingsOf(sourceMapUrl: string | undefined): string | undefined {
  const [, encoded] = /^data:application\/json[^,]*;base64,(.*)$/s.exec(sourceMapUrl ?? '') ?? [];
  if (encoded === undefined) return undefined;
  try {
    const { mappings } = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as { mappings?: unknown };
    return typeof mappings === 'string' ? mappings : undefined;
  } catch {
    return undefined; // a package's map is broken: its JavaScript is shown
  }
}
