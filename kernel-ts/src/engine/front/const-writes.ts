/**
 * Finds writes to constants, so that they throw although every top-level declaration runs as a `let`. Knows scopes by
 * name only: a name declared anywhere in a function hides the constant in all of that function.
 */
import { asNode, asNodes, patternNames, type SyntaxNode, type SyntaxTree } from './syntax.js';

/** A replacement of `[start, end)` in the lowered text. */
export interface Write {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassMethod',
  'PrivateMethod',
  'MethodProperty',
  'SetterProperty',
  'GetterProperty',
  'Constructor',
  'StaticBlock',
]);
const BLOCKS = new Set([
  'BlockStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'CatchClause',
  'SwitchStatement',
]);

/** Replacements that make each write to a constant throw `TypeError: Assignment to constant variable.` */
export function constWrites(tree: SyntaxTree, isConstant: (name: string) => boolean): Write[] {
  const writes: Write[] = [];
  const target = (pattern: SyntaxNode | undefined, hidden: ReadonlySet<string>): void => {
    if (pattern === undefined) return;
    if (pattern.type === 'Identifier') {
      const name = pattern.value as string;
      if (!isConstant(name) || hidden.has(name) || pattern.span === undefined) return;
      writes.push({
        start: tree.at(pattern.span.start),
        end: tree.at(pattern.span.end),
        text: `__npulab.constant.${name}`,
      });
    } else if (pattern.type === 'ArrayPattern') for (const item of asNodes(pattern.elements)) target(item, hidden);
    else if (pattern.type === 'ObjectPattern') {
      for (const property of asNodes(pattern.properties)) {
        if (property.type === 'KeyValuePatternProperty') target(asNode(property.value), hidden);
        else if (property.type === 'RestElement') target(asNode(property.argument), hidden);
        else if (property.type === 'AssignmentPatternProperty') {
          const key = asNode(property.key);
          const name = key?.value as string;
          if (!isConstant(name) || hidden.has(name) || key?.span === undefined) continue;
          const end = tree.at(key.span.end);
          writes.push({ start: end, end, text: `: __npulab.constant.${name}` });
        }
      }
    } else if (pattern.type === 'AssignmentPattern') target(asNode(pattern.left), hidden);
    else if (pattern.type === 'RestElement') target(asNode(pattern.argument), hidden);
    else if (pattern.type === 'ParenthesisExpression') target(asNode(pattern.expression), hidden);
  };
  const visit = (value: unknown, hidden: ReadonlySet<string>): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, hidden);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const node = value as SyntaxNode;
    let scope = hidden;
    if (FUNCTIONS.has(node.type)) {
      const own = [...asNodes(node.params), ...asNodes([node.param])].flatMap((param) => patternNames(param));
      scope = with_(hidden, declaredWithin(node, true, own));
    } else if (BLOCKS.has(node.type))
      scope = with_(hidden, declaredWithin(node, false, patternNames(asNode(node.param))));
    if (node.type === 'AssignmentExpression') target(asNode(node.left), scope);
    else if (node.type === 'UpdateExpression') target(asNode(node.argument), scope);
    else if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') target(asNode(node.left), scope);
    for (const key of Object.keys(node)) if (key !== 'span') visit(node[key], scope);
  };
  for (const node of tree.body) visit(node, new Set());
  return writes;
}

function with_(outer: ReadonlySet<string>, names: readonly string[]): ReadonlySet<string> {
  return names.length === 0 ? outer : new Set([...outer, ...names]);
}

/** Names declared inside `root`: in all of it for a function, in its own statements for a block. */
function declaredWithin(root: SyntaxNode, deep: boolean, into: string[]): string[] {
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, depth);
      return;
    }
    const node = asNode(value);
    if (node === undefined) {
      if (typeof value === 'object' && value !== null && !('span' in value && 'value' in value)) {
        for (const item of Object.values(value)) if (typeof item === 'object') visit(item, depth);
      }
      return;
    }
    if (node.type === 'VariableDeclaration') {
      for (const item of asNodes(node.declarations)) patternNames(asNode(item.id), into);
    } else if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') {
      patternNames(asNode(node.identifier), into);
      return;
    }
    if (FUNCTIONS.has(node.type) && depth > 0) return;
    if (!deep && depth > 0 && BLOCKS.has(node.type)) return;
    for (const key of Object.keys(node)) if (key !== 'span') visit(node[key], depth + 1);
  };
  visit(root, 0);
  return into;
}
