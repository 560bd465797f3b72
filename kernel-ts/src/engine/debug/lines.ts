/**
 * Where in a script a breakpoint on a line of the user's text belongs. Knows syntax and positions; refuses to know V8.
 *
 * Surprising: a line that only heads a function or a method stands for the first line of its body. V8 would put it where the
 * declaration is evaluated, which for a declared function is a place of the compiler's making.
 */
import { asNode, parseText, type SyntaxNode } from '../front/syntax.js';
import { firstCodeAt, scriptPlace, type TrailedText } from '../positions.js';

/** A place for a breakpoint. */
export interface BreakpointPlace {
  /** The 1-based line of the user's text that it stands for. */
  readonly line: number;
  /** 0-based, in the script. */
  readonly script: { readonly line: number; readonly column: number };
}

/** The place for a breakpoint at or below a 1-based line; undefined where no code follows. */
export function breakpointPlace(text: TrailedText, line: number): BreakpointPlace | undefined {
  const found = firstCodeAt(text.trail, line, codeStarts);
  if (found === undefined) return undefined;
  const script = scriptPlace(text, bodyOf(text.trail.lowered, found.inLowered));
  return script === undefined ? undefined : { line: found.line, script };
}

/** Blocks begin with a brace, which is no code. */
const BRACED = new Set<unknown>(['BlockStatement', 'FunctionBody']);

/** Offsets of a text at which a statement, an expression or a part of one begins. */
function codeStarts(text: string): number[] {
  const tree = parseText(text, 'lowered');
  const starts: number[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (typeof value === 'object' && value !== null) {
      const { span, type, ...parts } = value as SyntaxNode;
      if (span !== undefined && type !== undefined && !BRACED.has(type)) starts.push(tree.at(span.start));
      visit(Object.values(parts));
    }
  };
  visit(tree.body);
  return starts;
}

const HEADED =
  /^(FunctionDeclaration|ClassMethod|PrivateMethod|MethodProperty|Constructor|GetterProperty|SetterProperty)$/;

/** The offset behind the opening brace, where `offset` lies in the head of a function; else the offset itself. */
function bodyOf(text: string, offset: number): number {
  let result = offset;
  let tree: ReturnType<typeof parseText>;
  try {
    tree = parseText(text, 'lowered');
  } catch {
    return offset; // a module of syntax that this parser does not know: V8's own place is good enough
  }
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (typeof value === 'object' && value !== null) {
      const node = value as SyntaxNode;
      if (node.span !== undefined && typeof node.type === 'string') {
        const [start, end] = [tree.at(node.span.start), tree.at(node.span.end)];
        if (offset < start || offset >= end) return;
        const body = HEADED.test(node.type) ? bodySpan(node) : undefined;
        if (body !== undefined && offset < tree.at(body.start)) result = tree.at(body.start) + 1;
      }
      for (const key of Object.keys(node)) if (key !== 'span') visit(node[key]);
    }
  };
  visit(tree.body);
  return result;
}

function bodySpan(node: SyntaxNode): { start: number; end: number } | undefined {
  const own = asNode(node.body) ?? asNode((node.function as { body?: unknown } | undefined)?.body);
  return own?.span;
}
