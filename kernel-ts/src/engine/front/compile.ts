/**
 * TypeScript → JavaScript for V8's REPL mode, by swc and then by our own edits of the lowered text. Knows no types. What V8 can run
 * as it was typed is its own lowered text: swc's compiler is 6 MiB, and first loaded for a cell that needs it.
 *
 * Surprise: every top-level declaration becomes a `let` (functions hoisted), because REPL mode lets a name be declared
 * again only by the same kind of declaration. Writing to a `const` therefore goes through `__npulab.constant`, which
 * throws as V8 would. Imports become calls of `__npulab.import`.
 */
import type { Options } from '@swc/core';
import { bindingOf, isTaken } from '../cell-binding.js';
import type { CompiledText, PositionTrail } from '../channel.js';
import { type Piece, textOfPieces } from '../positions.js';
import { type CellAnalysis, isConstantKind } from './analyze.js';
import { constWrites } from './const-writes.js';
import { ownBindings } from './own-bindings.js';
import { swc } from './swc.js';
import { asNode, asNodes, parseText, patternNames, type SyntaxNode, type SyntaxTree } from './syntax.js';

const OPTIONS: Options = {
  isModule: true,
  sourceMaps: true,
  configFile: false,
  swcrc: false,
  inlineSourcesContent: false,
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    target: 'es2022',
    transform: { decoratorVersion: '2022-03', verbatimModuleSyntax: true },
  },
};

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Names of earlier cells that count in the text of a later one. */
export interface EarlierNames {
  /** What must not be assigned. A question, because a session has many names and a text few. */
  isConstant(name: string): boolean;
  /** What V8 holds under a name of our own. */
  readonly own: ReadonlySet<string>;
}

export const NO_NAMES: EarlierNames = { isConstant: () => false, own: new Set() };

/** Compiles a cell. Throws swc's error. */
export function compileCell(analysis: CellAnalysis, url: string, label: string, earlier: EarlierNames): CompiledText {
  const { lowered, tree, mappings } = lower(analysis);
  const enums = new Set([...analysis.names].filter(([, kind]) => kind === 'enum').map(([name]) => name));
  const isConstant = (name: string): boolean => {
    const kind = analysis.names.get(name);
    return kind === undefined ? earlier.isConstant(name) : isConstantKind(kind);
  };
  const own = new Set([...earlier.own].filter((name) => lowered.includes(name)));
  for (const [name, kind] of analysis.names) if (kind !== 'type' && isTaken(name)) own.add(name);
  const { js, pieces } = rewrite(lowered, tree, { enums, isConstant, own });
  const trail: PositionTrail = { lowered, pieces, mappings };
  return { js: `${js}\n//# sourceURL=${url}`, url, label, trail, hasResult: analysis.hasResult };
}

interface Lowered {
  readonly lowered: string;
  readonly tree: SyntaxTree;
  /** Undefined where it is the text itself. */
  readonly mappings: string | undefined;
}

function lower({ runnable, asTyped }: CellAnalysis): Lowered {
  if (asTyped !== undefined) return { lowered: runnable, tree: asTyped, mappings: undefined };
  const output = swc().transformSync(runnable, { ...OPTIONS, filename: 'cell.ts' });
  const { mappings } = JSON.parse(output.map ?? '{"mappings":""}') as { mappings: string };
  return { lowered: output.code, tree: parseText(output.code, 'lowered'), mappings };
}

function rewrite(
  lowered: string,
  tree: SyntaxTree,
  { enums, isConstant, own }: EarlierNames & { readonly enums: ReadonlySet<string> },
): { js: string; pieces: string } {
  const { at } = tree;
  const inner: Edit[] = [
    ...expressionEdits(tree, lowered),
    ...constWrites(tree, isConstant),
    ...ownBindings(tree, own),
  ];
  const bound = (name: string): string => (own.has(name) ? bindingOf(name) : name);
  inner.sort((a, b) => a.start - b.start);
  const out = new Assembly(lowered, inner);
  const declared = new Set<string>();
  const rest: (() => void)[] = [];
  for (const raw of tree.body) {
    const start = at(raw.span?.start ?? 1);
    const end = at(raw.span?.end ?? 1);
    const node = raw.type === 'ExportDeclaration' ? (asNode(raw.declaration) as SyntaxNode) : defaultOf(raw);
    const from = at(node.span?.start ?? 1);
    const name = asNode(node.identifier);
    if (node.type === 'ImportDeclaration') out.insertFor(start, importCall(node, bound));
    else if (node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') continue;
    else if ((node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression') && name?.span !== undefined) {
      out.insert(`let ${bound(name.value as string)} = `);
      // Without its name it takes that of its variable, which is the same, unless the variable has a name of ours.
      out.copy(from, at(own.has(name.value as string) ? name.span.end : name.span.start));
      out.copy(at(name.span.end), end);
      out.insert(';\n');
    } else if ((node.type === 'ClassDeclaration' || node.type === 'ClassExpression') && name !== undefined) {
      rest.push(() => {
        out.insert(`let ${bound(name.value as string)} = `);
        out.copy(from, end);
        out.insert(';\n');
      });
    } else if (node.type === 'VariableDeclaration') {
      const items = asNodes(node.declarations);
      if (node.kind === 'var' && items.every((item) => asNode(item.init) === undefined)) {
        const fresh = items.flatMap((item) => patternNames(asNode(item.id))).filter((one) => !declared.has(one));
        for (const one of fresh) declared.add(one);
        if (fresh.length > 0) out.insert(`let ${fresh.map(bound).join(', ')};\n`);
        continue;
      }
      const names = items.flatMap((item) => patternNames(asNode(item.id)));
      const again = node.kind === 'var' && names.every((one) => declared.has(one));
      for (const one of names) declared.add(one);
      rest.push(() => {
        out.insert(again ? '' : 'let');
        const skip = enumSelf(node, enums);
        const body = from + (node.kind as string).length;
        if (skip === undefined) out.copy(body, end);
        else {
          out.copy(body, at(skip.start));
          out.copy(at(skip.end), end);
        }
        out.endStatement(end);
      });
    } else if (raw.type === 'ExportDefaultDeclaration') {
      // Without a name it declares nothing, and an expression it must be.
      rest.push(() => {
        out.insert('(');
        out.copy(from, end);
        out.insert(');\n');
      });
    } else if (raw.type === 'ExportDefaultExpression') {
      const expression = raw.expression as { span?: { start: number; end: number } };
      rest.push(() => {
        out.copy(at(expression.span?.start ?? 1), end);
        out.endStatement(end);
      });
    } else {
      rest.push(() => {
        out.copy(start, end);
        out.endStatement(end);
      });
    }
  }
  for (const emit of rest) emit();
  return out.finish();
}

/** `export default function f` and `export default class C` are the declarations they contain. */
function defaultOf(node: SyntaxNode): SyntaxNode {
  return node.type === 'ExportDefaultDeclaration' ? (asNode(node.decl) ?? node) : node;
}

/** In `var C = function(C){…}(C || {})` the span of `C || `: a `let` must not read itself. */
function enumSelf(node: SyntaxNode, enums: ReadonlySet<string>): { start: number; end: number } | undefined {
  const [item] = asNodes(node.declarations);
  const name = asNode(item?.id)?.value as string | undefined;
  if (name === undefined || !enums.has(name)) return undefined;
  const values = asNode(item?.init)?.arguments as readonly { expression?: unknown }[] | undefined;
  const argument = Array.isArray(values) ? values[0] : undefined;
  const either = asNode((argument as { expression?: unknown } | undefined)?.expression);
  const left = asNode(either?.left)?.span;
  const right = expressionStart(either?.right);
  return left === undefined || right === undefined ? undefined : { start: left.start, end: right };
}

function expressionStart(value: unknown): number | undefined {
  return (value as { span?: { start: number } } | null)?.span?.start;
}

/** An import declaration as a call; the names asked for let the import function look into CommonJS defaults. */
function importCall(node: SyntaxNode, bound: (name: string) => string): string {
  const source = JSON.stringify(asNode(node.source)?.value ?? '');
  const wanted: string[] = [];
  const bindings: string[] = [];
  let namespace: string | undefined;
  for (const specifier of asNodes(node.specifiers)) {
    const local = asNode(specifier.local)?.value as string;
    if (specifier.type === 'ImportNamespaceSpecifier') namespace = bound(local);
    else {
      const name =
        specifier.type === 'ImportDefaultSpecifier'
          ? 'default'
          : ((asNode(specifier.imported)?.value as string | undefined) ?? local);
      wanted.push(name);
      bindings.push(`${JSON.stringify(name)}: ${bound(local)}`);
    }
  }
  const call = `await __npulab.import(${source}, ${JSON.stringify(wanted)})`;
  if (namespace !== undefined) {
    const more = bindings.length > 0 ? `, { ${bindings.join(', ')} } = ${namespace}` : '';
    return `let ${namespace} = ${call}${more};\n`;
  }
  return bindings.length > 0 ? `let { ${bindings.join(', ')} } = ${call};\n` : `${call};\n`;
}

/** `import(…)` and `import.meta`, wherever they stand. */
function expressionEdits(tree: SyntaxTree, text: string): Edit[] {
  if (!text.includes('import')) return [];
  const edits: Edit[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (typeof value === 'object' && value !== null) {
      const node = value as SyntaxNode;
      if (node.type === 'Import' && node.span !== undefined) {
        const start = tree.at(node.span.start);
        edits.push({ start, end: start + 'import'.length, text: '__npulab.dynamicImport' });
      } else if (node.type === 'MetaProperty' && node.kind === 'import.meta' && node.span !== undefined) {
        edits.push({ start: tree.at(node.span.start), end: tree.at(node.span.end), text: '__npulab.meta' });
      } else for (const key of Object.keys(node)) if (key !== 'span') visit(node[key]);
    }
  };
  visit(tree.body);
  return edits;
}

/** Puts the new text together and remembers where each copied piece came from. */
class Assembly {
  readonly #parts: string[] = [];
  readonly #pieces: Piece[] = [];
  #length = 0;

  constructor(
    readonly source: string,
    readonly edits: readonly Edit[],
  ) {}

  insert(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  /** Inserts what stands for the text at `start`: positions in it lead there. */
  insertFor(start: number, text: string): void {
    this.#pieces.push([this.#length, start, 0]);
    this.insert(text);
  }

  copy(start: number, end: number): void {
    let from = start;
    for (const edit of this.edits) {
      if (edit.start < from || edit.end > end) continue;
      this.#piece(from, edit.start);
      this.insert(edit.text);
      from = edit.end;
    }
    this.#piece(from, end);
  }

  /** Ends the statement that ends at `end`: what follows it in `source` may not follow it here. */
  endStatement(end: number): void {
    this.insert(this.source[end - 1] === ';' ? '\n' : ';\n');
  }

  finish(): { js: string; pieces: string } {
    return { js: this.#parts.join(''), pieces: textOfPieces(this.#pieces) };
  }

  #piece(start: number, end: number): void {
    if (end <= start) return;
    this.#pieces.push([this.#length, start, end - start]);
    this.insert(this.source.slice(start, end));
  }
}
