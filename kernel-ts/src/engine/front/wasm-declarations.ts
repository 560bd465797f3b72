/**
 * Declarations of the `.wasm` files that a cell reaches, made from the files themselves and put where the checker's `rootDirs`
 * looks beside them. Knows no compiler. Surprise: a file that is damaged is declared too, as `any`: loading it says what is
 * wrong with it, where the checker could only say that there is no such module, or no such name in it.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { localFile, reachedFiles, relativeImports } from '../local-files.js';
import { readWasm, type WasmExport, type WasmValueType } from '../wasm.js';

const DAMAGED = 'declare const damaged: any;\nexport = damaged;\n';
const TYPES: Readonly<Record<WasmValueType, string>> = {
  ...{ i32: 'number', f32: 'number', f64: 'number', i64: 'bigint', externref: 'any', v128: 'never' },
  funcref: '((...values: any[]) => any) | null',
};

/** What became of the declarations. */
export interface DeclarationChanges {
  /** Declarations with a new text. */
  readonly changed: readonly string[];
  /** A file that was declared is gone, or brings declarations of its own now. */
  readonly removed: boolean;
  /** Names in the text that lead to damaged files. */
  readonly damaged: readonly string[];
}

export class WasmDeclarations {
  readonly #folder: string;
  readonly #root: string;
  /** Declaration file → its text. */
  readonly #written = new Map<string, string>();
  /** Module name of a file inside a package → its declaration. */
  readonly #inPackages = new Map<string, string>();
  /** Declares what lies inside packages; belongs to the checker's project. */
  readonly packagesFile: string;

  /**
   * @param folder the notebook's folder
   * @param root what repeats the file system for the checker
   * @param own the checker's own folder
   */
  constructor(folder: string, root: string, own: string) {
    this.#folder = folder;
    this.#root = root;
    this.packagesFile = join(own, 'packages.d.ts');
    writeFileSync(this.packagesFile, '');
  }

  /** Brings the declarations up to date with the files that `text` imports, itself or through other files. */
  update(text: string): DeclarationChanges {
    const changed: string[] = [];
    const damaged: string[] = [];
    let removed = false;
    for (const specifier of relativeImports(text)) {
      const path = resolve(this.#folder, specifier);
      for (const file of reachedFiles(localFile(path) ?? path)) {
        if (!file.endsWith('.wasm')) continue;
        const beside = join(this.#root, relative('/', file)).replace(/\.wasm$/, '.d.wasm.ts');
        const declaration = declarationOf(file);
        if (declaration === DAMAGED) damaged.push(specifier);
        if (declaration === this.#written.get(beside)) continue;
        if (declaration === undefined) {
          this.#written.delete(beside);
          rmSync(beside);
          removed = true;
        } else {
          this.#written.set(beside, declaration);
          mkdirSync(dirname(beside), { recursive: true });
          writeFileSync(beside, declaration);
          changed.push(beside);
        }
      }
    }
    if (this.#declareInPackages(text, damaged)) changed.push(this.packagesFile);
    return { changed, removed, damaged };
  }

  /** The same for files inside packages, by their names alone: a folder of packages holds no file of ours. */
  #declareInPackages(text: string, damaged: string[]): boolean {
    let isNew = false;
    for (const [, , name] of text.matchAll(/(?:from|import)\s*\(?\s*(['"])([^'"./][^'"]*\.wasm)\1/g)) {
      const file = this.#fileOf(name as string);
      const declaration = file === undefined ? undefined : declarationOf(file);
      if (declaration === DAMAGED) damaged.push(name as string);
      if (declaration === this.#inPackages.get(name as string)) continue;
      isNew = true;
      if (declaration === undefined) this.#inPackages.delete(name as string);
      else this.#inPackages.set(name as string, declaration);
    }
    if (!isNew) return false;
    const modules = [...this.#inPackages].map(
      ([name, declaration]) =>
        `declare module ${JSON.stringify(name)} {\n${declaration.replaceAll(/^declare /gm, '')}}\n`,
    );
    writeFileSync(this.packagesFile, modules.join(''));
    return true;
  }

  #fileOf(name: string): string | undefined {
    try {
      return createRequire(join(this.#folder, 'cell.mjs')).resolve(name);
    } catch {
      return undefined; // the checker says that there is no such module
    }
  }
}

/** The declaration of a `.wasm` file; none for one that is missing or has one of the user's beside it. */
function declarationOf(file: string): string | undefined {
  if (existsSync(file.replace(/\.wasm$/, '.d.wasm.ts')) || existsSync(`${file}.d.ts`)) return undefined;
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined;
  }
  try {
    return wasmDeclaration(readWasm(bytes).exports);
  } catch {
    return DAMAGED;
  }
}

/** TypeScript's view of a module: each export by name, and all of them as the default. */
export function wasmDeclaration(exports: readonly WasmExport[]): string {
  const lines = exports.flatMap((one, index) => [
    `declare const $${index}: ${typeOf(one)};`,
    `export { $${index} as ${JSON.stringify(one.name)} };`,
  ]);
  if (!exports.some(({ name }) => name === 'default')) {
    const members = exports.map(({ name }, index) => `readonly ${JSON.stringify(name)}: typeof $${index}`);
    lines.push(`declare const $all: { ${members.join('; ')} };`, 'export { $all as default };');
  }
  return `${lines.join('\n')}\n`;
}

function typeOf({ kind, type }: WasmExport): string {
  if (kind === 'memory') return 'WebAssembly.Memory';
  if (kind === 'table') return 'WebAssembly.Table';
  if (kind === 'global') return 'WebAssembly.Global<any>';
  if (kind === 'tag') return 'unknown';
  if (type === undefined) return '(...values: any[]) => any';
  const parameters = type.parameters.map((one, index) => `arg${index}: ${TYPES[one]}`);
  const results = type.results.map((one) => TYPES[one]);
  const result = results.length > 1 ? `[${results.join(', ')}]` : (results[0] ?? 'void');
  return `(${parameters.join(', ')}) => ${result}`;
}
