/**
 * What a cell declares, read from its syntax alone. Knows no types and evaluates nothing. Surprise: top-level `using`
 * is rewritten here, before lowering, because its lowering would put the whole cell into a `try` block.
 */
import { runsAsTyped } from './as-typed.js';
import { magicEdits, type TextEdit, withoutMagics } from './magics.js';
import { asNode, asNodes, parseText, patternNames, type SyntaxNode, type SyntaxTree } from './syntax.js';

/** How a top-level name came to be. */
export type NameKind = 'const' | 'let' | 'function' | 'class' | 'enum' | 'namespace' | 'import' | 'type';

/** Whether what came to be this way must not be assigned. */
export function isConstantKind(kind: NameKind | undefined): boolean {
  return kind === 'const' || kind === 'import';
}

/** What the syntax of a cell says. */
export interface CellAnalysis {
  /** The text with option lines turned into comments and magics into blanks; same length and lines as typed. */
  readonly text: string;
  /** Text for the compiler: `text` with top-level `using` and magics made into calls; lines are those of `text`. */
  readonly runnable: string;
  /** The tree of `runnable`, where V8 can run that as it is. */
  readonly asTyped: SyntaxTree | undefined;
  /** Top-level names; a name with value and type (class, `const X` beside `type X`) also appears in `typed`. */
  readonly names: ReadonlyMap<string, NameKind>;
  /** Names that mean a type too. */
  readonly typed: ReadonlySet<string>;
  /** Documentation comments of variables: what a cell says of `const x` is lost where a later cell sees only its type. */
  readonly docs: ReadonlyMap<string, string>;
  /** Names the cell itself marks `export`. */
  readonly exported: ReadonlySet<string>;
  /** The last statement is an expression. */
  readonly hasResult: boolean;
  /** The text may import modules, statically or by `import()`. */
  readonly importsModules: boolean;
}

/** The cell as parser and checker see it: option lines are comments, magics are blanks; same length and lines as typed. */
export function cellText(code: string): string {
  return withoutMagics(commentOptionLines(code)).text;
}

/** Leading `#| …` lines become comments of the same length; `//| …` already are. */
function commentOptionLines(code: string): string {
  if (!/^\s*#\|/.test(code) && !/^\s*\/\/\|/.test(code)) return code;
  const lines = code.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    if (/^\s*#\|/.test(line)) lines[index] = line.replace('#|', '//');
    else if (!/^\s*(\/\/\|.*)?$/.test(line)) break;
  }
  return lines.join('\n');
}

/** Reads a cell. Throws swc's error when it does not parse. */
export function analyzeCell(code: string): CellAnalysis {
  const { text, magics } = withoutMagics(commentOptionLines(code));
  const tree = parseText(text, 'cell');
  const names = new Map<string, NameKind>();
  const typed = new Set<string>();
  const exported = new Set<string>();
  const docs = new Map<string, string>();
  const usings: SyntaxNode[] = [];
  const value = (name: string, kind: NameKind): void => {
    names.set(name, kind);
    if (kind === 'class' || kind === 'enum' || kind === 'namespace' || kind === 'import') typed.add(name);
  };
  /** `statement`: the declaration with its `export`. */
  const declare = (node: SyntaxNode, isExported: boolean, statement = node): void => {
    const before = new Set(names.keys());
    const name = asNode(node.identifier) ?? asNode(node.id);
    switch (node.type) {
      case 'VariableDeclaration':
        for (const item of asNodes(node.declarations)) {
          for (const bound of patternNames(asNode(item.id))) {
            value(bound, node.kind === 'const' ? 'const' : 'let');
            const doc = docBefore(text, tree.at(statement.span?.start ?? 0));
            if (doc !== undefined) docs.set(bound, doc);
          }
        }
        break;
      case 'UsingDeclaration':
        usings.push(node);
        for (const item of asNodes(node.decls))
          for (const bound of patternNames(asNode(item.id))) value(bound, 'const');
        break;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        if (name !== undefined) value(name.value as string, 'function');
        break;
      case 'ClassDeclaration':
      case 'ClassExpression':
        if (name !== undefined) value(name.value as string, 'class');
        break;
      case 'TsEnumDeclaration':
        if (name !== undefined) value(name.value as string, 'enum');
        break;
      case 'TsModuleDeclaration':
        if (name?.type === 'Identifier' && node.global !== true && !names.has(name.value as string)) {
          value(name.value as string, 'namespace');
        }
        break;
      case 'TsInterfaceDeclaration':
      case 'TsTypeAliasDeclaration':
        if (name !== undefined) {
          if (!names.has(name.value as string)) names.set(name.value as string, 'type');
          typed.add(name.value as string);
        }
        break;
      case 'TsImportEqualsDeclaration':
        if (name !== undefined) value(name.value as string, 'import');
        break;
    }
    if (isExported) for (const key of names.keys()) if (!before.has(key)) exported.add(key);
  };
  for (const node of tree.body) {
    if (node.type === 'ImportDeclaration') {
      for (const specifier of asNodes(node.specifiers)) value(asNode(specifier.local)?.value as string, 'import');
    } else if (node.type === 'ExportDeclaration') declare(asNode(node.declaration) as SyntaxNode, true, node);
    else if (node.type === 'ExportDefaultDeclaration') declare(asNode(node.decl) as SyntaxNode, false);
    else if (node.type === 'ExportNamedDeclaration') {
      for (const specifier of asNodes(node.specifiers)) {
        exported.add((asNode(specifier.exported) ?? asNode(specifier.orig))?.value as string);
      }
    } else declare(node, false);
  }
  const last = tree.body.findLast((node) => node.type !== 'EmptyStatement');
  const edits = [...usingEdits(usings, tree.at), ...magicEdits(magics, tree)];
  return {
    text,
    runnable: edited(text, edits),
    asTyped: edits.length === 0 && runsAsTyped(text, tree) ? tree : undefined,
    names,
    typed,
    docs,
    exported,
    hasResult: last?.type === 'ExpressionStatement',
    importsModules: /\bimport\b/.test(text),
  };
}

/** The documentation comment that ends right before `at`. */
function docBefore(text: string, at: number): string | undefined {
  return /\/\*\*(?:[^*]|\*(?!\/))*\*\/(?=\s*$)/.exec(text.slice(0, at))?.[0];
}

/** `using a = f()` → `const a = __npulab.use(f(), false)`: the value is disposed at the end of the cell. */
function usingEdits(usings: readonly SyntaxNode[], at: (position: number) => number): TextEdit[] {
  const edits: TextEdit[] = [];
  for (const node of usings) {
    const items = asNodes(node.decls);
    const first = asNode(items[0]?.id)?.span;
    if (node.span === undefined || first === undefined) continue;
    edits.push({ start: at(node.span.start), end: at(first.start), text: 'const ' });
    for (const item of items) {
      const init = asNode(item.init)?.span ?? expressionSpan(item.init);
      if (init === undefined) continue;
      const isAwait = node.isAwait === true;
      edits.push({ start: at(init.start), end: at(init.start), text: `${isAwait ? 'await ' : ''}__npulab.use(` });
      edits.push({ start: at(init.end), end: at(init.end), text: `, ${isAwait})` });
    }
  }
  return edits;
}

function edited(text: string, edits: readonly TextEdit[]): string {
  let result = text;
  for (const edit of [...edits].sort((a, b) => b.start - a.start)) {
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end);
  }
  return result;
}

function expressionSpan(value: unknown): { start: number; end: number } | undefined {
  return (value as { span?: { start: number; end: number } } | null)?.span;
}
