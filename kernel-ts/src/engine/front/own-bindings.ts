/** Finds the names of cells that V8 holds under a name of our own (`cell-binding.ts`), and gives each its binding. */
import { bindingOf } from '../cell-binding.js';
import { asNode, type SyntaxNode, type SyntaxTree } from './syntax.js';

/** An insertion behind a name in the lowered text. */
interface Insertion {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** How swc marks, in `ctxt`, what no scope of the text declares, and what its outermost scope does. */
const OUTERMOST = new Set<unknown>([1, 2]);
const NAMED = new Set(['FunctionExpression', 'ClassExpression', 'FunctionDeclaration', 'ClassDeclaration']);

/** Insertions that make every use of `names`, and every declaration of a variable, mean what the cells hold. */
export function ownBindings(tree: SyntaxTree, names: ReadonlySet<string>): Insertion[] {
  if (names.size === 0) return [];
  const found: Insertion[] = [];
  const insert = (node: SyntaxNode | undefined, inside: ReadonlySet<string>, isShorthand: boolean): void => {
    const name = node?.value as string;
    if (node?.span === undefined || !OUTERMOST.has(node.ctxt) || !names.has(name) || inside.has(name)) return;
    const end = tree.at(node.span.end);
    found.push({ start: end, end, text: isShorthand ? `: ${bindingOf(name)}` : bindingOf(name).slice(name.length) });
  };
  /** `inside`: functions and classes around, which know themselves by their names. */
  const visit = (value: unknown, inside: ReadonlySet<string>): void => {
    if (Array.isArray(value)) for (const item of value) visit(item, inside);
    else if (asNode(value)?.type === 'Identifier') insert(asNode(value), inside, false);
    else if (typeof value === 'object' && value !== null) visitParts(value as SyntaxNode, inside);
  };
  const visitParts = (node: SyntaxNode, inside: ReadonlySet<string>): void => {
    if (node.type === 'ImportDeclaration' || node.type === 'ExportNamedDeclaration') return;
    const own = NAMED.has(node.type) ? asNode(node.identifier) : undefined;
    const within = own === undefined ? inside : new Set([...inside, own.value as string]);
    for (const [key, part] of Object.entries(node)) {
      if (key === 'span' || key === 'label') continue;
      const isShorthand =
        (node.type === 'ObjectExpression' && key === 'properties') ||
        (node.type === 'AssignmentPatternProperty' && key === 'key');
      if (!isShorthand) visit(part, within);
      else
        for (const item of Array.isArray(part) ? part : [part]) {
          if (asNode(item)?.type === 'Identifier') insert(asNode(item), within, true);
          else visit(item, within);
        }
    }
  };
  visit(tree.body, new Set());
  return found;
}
