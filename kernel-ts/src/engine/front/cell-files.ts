/**
 * The checker's view of a session as files. Knows no compiler, and writes none of them: it says which have changed.
 *
 * Each cell is a module of its own in a pre-created file, so its names hide older ones, `await` is legal, and no
 * position moves. What it declares reaches later cells through `names.d.ts`, one line per name, by the global namespace
 * (`export as namespace`) of its bridge file. Surprise: when a name is declared again, older cells that used it get a
 * line that binds them to the declaration they saw, so their types do not change behind their back.
 */
import { join } from 'node:path';
import type { CellAnalysis, NameKind } from './analyze.js';

const PREFIX = '__npulab_';
const POOL_STEP = 32;

interface Slot {
  readonly index: number;
  readonly file: string;
  text: string;
  /** Lines behind the text: exports, and bindings to older declarations. */
  readonly bindings: string[];
  words: Set<string>;
  owned: Set<string>;
  cellId: string | undefined;
  /** Older declarations that others are bound to keep the slot. */
  pinned: boolean;
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
  readonly #changed = new Set<string>();
  /** Type aliases that cells' own lines refer to. */
  readonly #aliases = new Map<string, string>();
  readonly #namesFile: string;
  /** Names that exist without any cell. */
  readonly globals: ReadonlySet<string>;
  readonly configFile: string;
  /** Completion and inspection look at this file. */
  readonly scratchFile: string;

  /** `globals` are names that exist without any cell: a cell that declares one hides it for later cells. */
  constructor(
    readonly folder: string,
    readonly compilerOptions: Record<string, unknown>,
    readonly moreFiles: readonly string[],
    globals: ReadonlySet<string>,
  ) {
    this.globals = globals;
    this.configFile = join(folder, `${PREFIX}tsconfig.json`);
    this.scratchFile = join(folder, `${PREFIX}scratch.ts`);
    this.#namesFile = join(folder, `${PREFIX}names.d.ts`);
    this.#files.set(this.scratchFile, 'export {};');
    this.#files.set(this.#namesFile, '');
    this.#grow();
  }

  /** Names of earlier cells that must not be assigned. */
  constants(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const [name, { kind }] of this.#names) if (kind === 'const' || kind === 'import') names.add(name);
    return names;
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

  /** Puts a cell's text in place, visible to nobody else yet. */
  stage(analysis: CellAnalysis, cellId: string | undefined): StagedCell {
    let slot = this.#slots.find((one) => !one.used);
    if (slot === undefined) slot = this.#grow();
    slot.used = true;
    slot.cellId = cellId;
    slot.text = analysis.text;
    slot.bindings.length = 0;
    slot.words = new Set(analysis.text.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu) ?? []);
    const own = [...analysis.names.keys()].filter((name) => !analysis.exported.has(name));
    slot.bindings.push(`export { ${own.join(', ')} };`);
    for (const [name, declared] of this.#names) {
      if (this.globals.has(name) && slot.words.has(name) && !analysis.names.has(name)) {
        slot.bindings.push(bridgeLine(name, declared, true));
      }
    }
    this.#write(slot);
    return { file: slot.file, slot, analysis, cellId };
  }

  /** Lets later cells see what the cell declares. */
  publish({ slot, analysis, cellId }: StagedCell): void {
    const replaced =
      cellId === undefined ? undefined : this.#slots.find((one) => one !== slot && one.cellId === cellId);
    const fresh = new Map<string, Declared>();
    for (const [name, kind] of analysis.names) {
      fresh.set(name, { slot, kind, isType: analysis.typed.has(name), doc: analysis.docs.get(name) });
    }
    const gone = new Set(replaced?.owned ?? []);
    for (const name of fresh.keys()) gone.add(name);
    for (const name of gone) this.#release(name, slot);
    for (const [name, declared] of fresh) {
      this.#names.set(name, declared);
      if (this.globals.has(name)) this.#alias(name, declared);
    }
    slot.owned = new Set(fresh.keys());
    if (replaced !== undefined) replaced.cellId = undefined;
    for (const one of this.#slots) if (one.used && one.owned.size === 0 && !one.pinned) this.#free(one);
    if (gone.size > 0) this.#writeNames();
  }

  /** Forgets a cell that did not run. */
  discard({ slot }: StagedCell): void {
    this.#free(slot);
  }

  /** Forgets all cells: their process is gone. */
  clear(): void {
    this.#names.clear();
    this.#aliases.clear();
    for (const slot of this.#slots) {
      slot.pinned = false;
      this.#free(slot);
    }
    this.#writeNames();
  }

  /** Puts the text for completion or inspection in place. */
  setScratch(text: string): void {
    const lines = [...this.#names]
      .filter(
        ([name]) =>
          this.globals.has(name) &&
          !new RegExp(`(?:const|let|var|class|function|enum|import)[^;=]*\\b${escapePattern(name)}\\b`).test(text),
      )
      .map(([name, declared]) => bridgeLine(name, declared, true));
    this.#files.set(this.scratchFile, `${text}\nexport {};\n${lines.join('\n')}`);
    this.#changed.add(this.scratchFile);
  }

  /** Binds the older users of `name` to the declaration they saw, then takes the name from its owner. */
  #release(name: string, except: Slot): void {
    const old = this.#names.get(name);
    if (old === undefined) return;
    for (const user of this.#slots) {
      if (!user.used || user === except || user === old.slot || user.owned.has(name) || !user.words.has(name)) continue;
      if (user.owned.size === 0) continue;
      user.bindings.push(bridgeLine(name, old, true));
      this.#alias(name, old);
      old.slot.pinned = true;
      this.#write(user);
    }
    old.slot.owned.delete(name);
    this.#names.delete(name);
  }

  #alias(name: string, declared: Declared): void {
    const alias = aliasName(name, declared);
    this.#aliases.set(alias, `type ${alias} = typeof ${PREFIX}${declared.slot.index}.${name};`);
  }

  #free(slot: Slot): void {
    slot.used = false;
    slot.owned = new Set();
    slot.words = new Set();
    slot.cellId = undefined;
  }

  #grow(): Slot {
    const first = this.#slots.length;
    for (let index = first; index < first + POOL_STEP; index++) {
      const name = `${PREFIX}cell_${index}`;
      const file = join(this.folder, `${name}.ts`);
      this.#slots.push({
        index,
        file,
        text: '',
        bindings: [],
        words: new Set(),
        owned: new Set(),
        cellId: undefined,
        pinned: false,
        used: false,
      });
      const bridge = join(this.folder, `${PREFIX}bridge_${index}.d.ts`);
      this.#files.set(file, 'export {};');
      this.#files.set(bridge, `export * from './${name}';\nexport as namespace ${PREFIX}${index};`);
      this.#changed.add(file).add(bridge);
    }
    const files = [...this.moreFiles, ...this.#files.keys()].filter((file) => file !== this.configFile);
    this.#files.set(this.configFile, JSON.stringify({ compilerOptions: this.compilerOptions, files }));
    this.#changed.add(this.configFile);
    return this.#slots[first] as Slot;
  }

  #write(slot: Slot): void {
    this.#files.set(slot.file, `${slot.text}\n${slot.bindings.join('\n')}`);
    this.#changed.add(slot.file);
  }

  #writeNames(): void {
    const lines = [...this.#aliases.values()];
    for (const [name, declared] of this.#names) {
      if (!this.globals.has(name)) lines.push(bridgeLine(name, declared, false));
    }
    this.#files.set(this.#namesFile, lines.join('\n'));
    this.#changed.add(this.#namesFile);
  }
}

/** True for names that only the checker's own files use. */
export function isBridgeName(name: string): boolean {
  return name.startsWith(PREFIX) || name === '__npulab';
}

/** The line that makes an older name visible: in `names.d.ts`, or (`inCell`) in a cell's own module. */
function bridgeLine(name: string, declared: Declared, inCell: boolean): string {
  const { slot, kind, isType, doc = '' } = declared;
  const from = `${PREFIX}${slot.index}.${name}`;
  if (isType || kind === 'function' || kind === 'type' || kind === 'import') return `import ${name} = ${from};`;
  return `${doc} declare ${kind === 'const' ? 'const' : 'let'} ${name}: ${inCell ? aliasName(name, declared) : `typeof ${from}`};`;
}

/**
 * In a cell's module `typeof` is checked as an expression behind the cell's calls, and a call of the very name would
 * make its type circular: the module gets the type by an alias of `names.d.ts`.
 */
function aliasName(name: string, { slot }: Declared): string {
  return `${PREFIX}type_${slot.index}_${name}`;
}

function escapePattern(text: string): string {
  return text.replace(/[$]/g, '\\$&');
}
