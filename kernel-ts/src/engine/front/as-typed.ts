/**
 * Whether V8 can run a text as it was typed: JavaScript that this version of V8 knows. Most cells are, and need no compiler.
 * Knows syntax, no meaning. Surprise: it lists what may stand in such a text, so that whatever is new or rare, and every
 * class, is the compiler's.
 */
import type { SyntaxNode, SyntaxTree } from './syntax.js';

const STATEMENTS = [
  ...['BlockStatement', 'BreakStatement', 'CatchClause', 'ContinueStatement', 'DebuggerStatement', 'DoWhileStatement'],
  ...['EmptyStatement', 'ExpressionStatement', 'ForInStatement', 'ForOfStatement', 'ForStatement', 'IfStatement'],
  ...['LabeledStatement', 'ReturnStatement', 'SwitchCase', 'SwitchStatement', 'ThrowStatement', 'TryStatement'],
  ...['WhileStatement', 'FunctionBody', 'FunctionDeclaration', 'VariableDeclaration', 'VariableDeclarator'],
  ...['ImportDeclaration', 'ImportDefaultSpecifier', 'ImportNamespaceSpecifier', 'ImportSpecifier'],
];
const EXPRESSIONS = [
  ...['ArrayExpression', 'ArrowFunctionExpression', 'AssignmentExpression', 'AwaitExpression', 'BigIntLiteral'],
  ...[
    'BinaryExpression',
    'BooleanLiteral',
    'CallExpression',
    'Computed',
    'ConditionalExpression',
    'FunctionExpression',
  ],
  ...[
    'GetterProperty',
    'Identifier',
    'Import',
    'KeyValueProperty',
    'MemberExpression',
    'MetaProperty',
    'MethodProperty',
  ],
  ...['NewExpression', 'NullLiteral', 'NumericLiteral', 'ObjectExpression', 'OptionalChainingExpression', 'Parameter'],
  ...[
    'ParenthesisExpression',
    'RegExpLiteral',
    'SequenceExpression',
    'SetterProperty',
    'SpreadElement',
    'StringLiteral',
  ],
  ...['TaggedTemplateExpression', 'TemplateElement', 'TemplateLiteral', 'ThisExpression', 'UnaryExpression'],
  ...['UpdateExpression', 'YieldExpression'],
];
const PATTERNS = [
  ...['ArrayPattern', 'AssignmentPattern', 'AssignmentPatternProperty', 'KeyValuePatternProperty', 'ObjectPattern'],
  'RestElement',
];
const KNOWN: ReadonlySet<unknown> = new Set([...STATEMENTS, ...EXPRESSIONS, ...PATTERNS]);

/** Whether V8 can run `text`, whose tree is given, as it is. */
export function runsAsTyped(text: string, tree: SyntaxTree): boolean {
  // In a script, but not in the module that the parser reads, these begin a comment.
  return !/^#!|<!--|-->/.test(text) && isJavaScript(tree.body);
}

function isJavaScript(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isJavaScript);
  if (typeof value !== 'object' || value === null) return true;
  const node = value as SyntaxNode;
  // Lists hold parts without a type: an argument with its dots, a getter's function.
  if (node.type !== undefined && !(KNOWN.has(node.type) && !isTyped(node) && !isNewer(node) && !isLoose(node)))
    return false;
  return Object.values(node).every(isJavaScript);
}

/** What TypeScript adds without a node of its own. */
function isTyped(node: SyntaxNode): boolean {
  if (node.declare === true || node.typeOnly === true || node.isTypeOnly === true || node.definite === true)
    return true;
  if (node.type === 'FunctionDeclaration') return node.body === null || node.body === undefined;
  return node.optional === true && node.type !== 'OptionalChainingExpression';
}

/** What a module may not say, and V8's REPL mode, which is a script, would do. The parser refuses all else of it. */
function isLoose(node: SyntaxNode): boolean {
  return node.type === 'UnaryExpression' && node.operator === 'delete';
}

/** Syntax that the oldest V8 does not know. */
function isNewer(node: SyntaxNode): boolean {
  if (node.type === 'ImportDeclaration') return node.phase !== 'evaluation';
  if (node.type !== 'RegExpLiteral') return false;
  return /v/.test(node.flags as string) || /\(\?[ims]*-?[ims]*:/.test((node.pattern as string).replaceAll('(?:', ''));
}
