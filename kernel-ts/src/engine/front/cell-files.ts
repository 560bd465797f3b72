/**
 * The checker's view of a session as files. Knows no compiler, and writes none of them: it says which have changed.
 *
 * Each cell is a module of its own in a pre-created file, so its names hide older ones, `await` is legal, and no
 * position moves. Behind its text stands one line for each name of an earlier cell that it uses, which leads to that
 * cell's file by a global namespace (`export as namespace`). Surprise: nothing else makes a name visible. So a check
 * changes one file however many cells there were, a cell keeps the declarations it saw when a name is declared again,
 * and a file is used again once nothing that lives leads to it.
 */
import { join } from 'node:path';
import { isTaken } from '../cell-binding.js';
import { type CellAnalysis, isConstantKind, type NameKind } from './analyze.js';
import type { EarlierNames } from './compile.js';
import { wordsOf } from './own-names.js';

const PREFIX = '__npulab_';
const POOL_STEP = 32;

interface Slot {
  readonly index: number;
  readonly file: string;
  /** Names whose newest declaration it holds. */
  readonly owned: Set<string>;
  /** Where the names of earlier cells lead that it uses. */
  uses: ReadonlySet<Slot>;
  /** The modules that its text imports, run or not. */
  imports: string;
  cellId: string | undefined;
  used: boolean;
}

interface Declared {
  readonly slot: Slot;
  readonly kind: NameKind;
  readonly isType: boolean;
  /** Its documentation comment, where the line that makes it visible would lose it. */
  readonly doc: string | undefined;
}

/** A cell whose text is in place for checking. */
export interface StagedCell {
  readonly file: string;
  readonly slot: Slot;
  readonly analysis: CellAnalysis;
  readonly cellId: string | undefined;
}

/** The files, and which of them changed since they were last asked for. */
export class CellFiles {
  readonly #files = new Map<string, string>();
  readonly #slots: Slot[] = [];
  readonly #names = new Map<string, Declared>();
  /** Of those, the ones that V8 holds under a name of our own. */
  readonly #own = new Set<string>();
  readonly #changed = new Set<string>();
  /** Slots of cells that are being checked. */
  readonly #staged = new Set<Slot>();
  readonly configFile: string;
  /** Completion and inspection look at this file. */
  readonly scratchFile: string;

  /** `globals` are names that exist without any cell: a cell that declares one hides it for later cells. */
  constructor(
    readonly folder: string,
    configFolder: string,
    readonly compilerOptions: Record<string, unknown>,
    readonly moreFiles: readonly string[],
    readonly globals: ReadonlySet<string>,
  ) {
    this.configFile = join(configFolder, 'tsconfig.json');
    this.scratchFile = join(folder, `${PREFIX}scratch.ts`);
    this.#files.set(this.scratchFile, 'export {};');
    this.#grow();
  }

  /** Names of earlier cells that count where a later one is compiled. */
  earlierNames(): EarlierNames {
    const isConstant = (name: string): boolean => isConstantKind(this.#names.get(name)?.kind);
    return { isConstant, own: this.#own };
  }

  /** Names that cells have declared. */
  declared(): ReadonlyMap<string, { readonly kind: NameKind }> {
    return this.#names;
  }

  /** Files that changed since the last call, with their texts; `config` is true when files were added. */
  takeChanges(): { readonly changed: ReadonlyMap<string, string>; readonly config: boolean } {
    const changed = new Map([...this.#changed].map((file) => [file, this.#files.get(file) ?? '']));
    this.#changed.clear();
    return { changed, config: changed.has(this.configFile) };
  }

  /** All files with their texts. */
  all(): ReadonlyMap<string, string> {
    return this.#files;
  }

  /** Adds files for the cells to come where none is free; says whether it has. */
  makeRoom(): boolean {
    if (this.#slots.some((slot) => !slot.used)) return false;
    this.#grow();
    return true;
  }

  /** Puts a cell's text in place, visible to nobody else yet. */
  stage(analysis: CellAnalysis, cellId: string | undefined): StagedCell {
    const imports = analysis.importsModules ? importsOf(analysis.text) : '';
    const slot = this.#freeSlot(imports);
    slot.imports = imports;
    const { lines, slots } = this.#visible(analysis.text, analysis.names);
    slot.used = true;
    slot.cellId = cellId;
    slot.uses = slots;
    this.#staged.add(slot);
    const own = [...analysis.names.keys()].filter((name) => !analysis.exported.has(name));
    this.#set(slot.file, [analysis.text, `export { ${own.join(', ')} };`, ...lines].join('\n'));
    return { file: slot.file, slot, analysis, cellId };
  }

  /** Lets later cells see what the cell declares. */
  publish({ slot, analysis, cellId }: StagedCell): void {
    this.#staged.delete(slot);
    const replaced =
      cellId === undefined ? undefined : this.#slots.find((one) => one !== slot && one.cellId === cellId);
    if (replaced !== undefined) replaced.cellId = undefined;
    for (const name of [...(replaced?.owned ?? []), ...analysis.names.keys()]) {
      this.#names.get(name)?.slot.owned.delete(name);
      this.#names.delete(name);
      this.#own.delete(name);
    }
    for (const [name, kind] of analysis.names) {
      this.#names.set(name, { slot, kind, isType: analysis.typed.has(name), doc: analysis.docs.get(name) });
      if (kind !== 'type' && isTaken(name)) this.#own.add(name);
      slot.owned.add(name);
    }
    this.#collect();
  }

  /** Forgets a cell that did not run. */
  discard({ slot }: StagedCell): void {
    this.#staged.delete(slot);
    this.#collect();
  }

  /** Forgets all cells: their process is gone. */
  clear(): void {
    this.#names.clear();
    this.#own.clear();
    for (const slot of this.#slots) slot.owned.clear();
    this.#collect();
  }

  /** Puts the text for completion or inspection in place; `own` are the names that it declares. */
  setScratch(text: string, own: { has(name: string): boolean }): void {
    this.#set(this.scratchFile, [text, 'export {};', ...this.#visible(text, own).lines].join('\n'));
  }

  /** What makes the names of earlier cells visible to a text that declares `own`. */
  #visible(text: string, own: { has(name: string): boolean }): { lines: string[]; slots: ReadonlySet<Slot> } {
    const slots = new Set<Slot>();
    const types: string[] = [];
    const lines: string[] = [];
    for (const name of wordsOf(text)) {
      const declared = this.#names.get(name);
      if (declared === undefined || own.has(name)) continue;
      const { slot, kind, isType, doc = '' } = declared;
      const from = `${namespaceOf(slot.index)}.c${slot.index}.${name}`;
      slots.add(slot);
      if (isType || kind === 'function' || kind === 'type' || kind === 'import')
        lines.push(`import ${name} = ${from};`);
      else {
        types.push(`type of_${name} = typeof ${from};`);
        lines.push(`${doc} declare ${kind === 'const' ? 'const' : 'let'} ${name}: ${PREFIX}types.of_${name};`);
      }
    }
    // In a namespace of their own: behind the cell's calls `typeof` would be checked as an expression that they may
    // narrow, and a call of the very name would make its type circular.
    if (types.length > 0) lines.push(`declare namespace ${PREFIX}types { ${types.join(' ')} }`);
    return { lines, slots };
  }

  /** Frees the slots that no newest declaration leads to, directly or by the names that its cell uses. */
  #collect(): void {
    const live = new Set(this.#slots.filter((slot) => slot.owned.size > 0 || this.#staged.has(slot)));
    for (const slot of live) for (const used of slot.uses) live.add(used);
    for (const slot of this.#slots) {
      if (!slot.used || live.has(slot)) continue;
      slot.used = false;
      slot.uses = new Set();
      slot.cellId = undefined;
    }
  }

  /** A text that imports other modules than the one before in its file makes the compiler build the program anew. */
  #freeSlot(imports: string): Slot {
    const free = this.#slots.filter((one) => !one.used);
    return (
      free.find((one) => one.imports === imports) ?? free.find((one) => one.imports === '') ?? free[0] ?? this.#grow()
    );
  }

  #grow(): Slot {
    const first = this.#slots.length;
    const names: string[] = [];
    for (let index = first; index < first + POOL_STEP; index++) {
      const name = `${PREFIX}cell_${index}`;
      const file = join(this.folder, `${name}.ts`);
      this.#slots.push({
        index,
        file,
        owned: new Set(),
        ...{ uses: new Set(), imports: '', cellId: undefined, used: false },
      });
      this.#set(file, 'export {};');
      names.push(`export * as c${index} from './${name}';`);
    }
    names.push(`export as namespace ${namespaceOf(first)};`);
    this.#set(this.#poolFile(first), names.join('\n'));
    // The cells themselves come with these: the fewer files are named, the shorter is the compiler's answer to a change.
    const pools = Array.from({ length: this.#slots.length / POOL_STEP }, (_, pool) => this.#poolFile(pool * POOL_STEP));
    const files = [...this.moreFiles, this.scratchFile, ...pools];
    this.#set(this.configFile, JSON.stringify({ compilerOptions: this.compilerOptions, files }));
    return this.#slots[first] as Slot;
  }

  #poolFile(index: number): string {
    return join(this.folder, `${namespaceOf(index)}.d.ts`);
  }

  #set(file: string, text: string): void {
    if (this.#files.get(file) === text) return;
    this.#files.set(file, text);
    this.#changed.add(file);
  }
}

/** True for names that only the checker's own files use. */
export function isBridgeName(name: string): boolean {
  return name.startsWith(PREFIX) || name === '__npulab';
}

/** What a text imports, in its order, as far as its words say. */
function importsOf(text: string): string {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*(['"])(.*?)\1/g)].map(([, , module]) => module).join('\n');
}

/** The global name by which cells reach the files that were created together with this one. */
function namespaceOf(index: number): string {
  return `${PREFIX}pool_${Math.floor(index / POOL_STEP)}`;
}
