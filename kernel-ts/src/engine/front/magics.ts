/**
 * Line magics: `%time`, `%timeit`, `%env`, `%who`, `%help` as the first text of a top-level line. Knows where they stand and
 * what code they become; refuses to know what that code does (`child/magics.ts`).
 *
 * Surprising: a magic is blanked, not cut, so that every position of the cell stays what was typed. A line inside a text, a
 * comment or brackets is no top-level line: what stands before a magic must parse by itself.
 */
import { MAGICS, type MagicWord } from '../magic-usage.js';
import { asNode, parsesAs, type SyntaxNode, type SyntaxTree } from './syntax.js';

const WORDS = Object.keys(MAGICS) as MagicWord[];

/** One magic of a cell. */
export interface Magic {
  readonly word: MagicWord;
  /** Where its `%` stands, in UTF-16 units. */
  readonly start: number;
  /** What follows the word on its line, where the magic takes it: `%env NAME=value`. */
  readonly argument: string;
}

/** A change of the text that is compiled; it never adds a line. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The cell as the parser and the checker see it, same length and lines as typed, and its magics. */
export function withoutMagics(code: string): { text: string; magics: Magic[] } {
  const magics: Magic[] = [];
  let text = code;
  for (const found of code.matchAll(/^([ \t]*)%([a-z]+)(?=\s|$)([^\n\r]*)/gm)) {
    const [line, indent = '', name = '', rest = ''] = found;
    const word = WORDS.find((known) => known === name);
    const start = found.index + indent.length;
    if (word === undefined || !parsesAs(text.slice(0, start), 'cell')) continue;
    const takesLine = word !== 'time' && word !== 'timeit';
    const end = takesLine ? found.index + line.length : start + 1 + word.length;
    text = text.slice(0, start) + ' '.repeat(end - start) + text.slice(end);
    magics.push({ word, start, argument: takesLine ? rest.trim() : '' });
  }
  return { text, magics };
}

/** The first line that asks for a magic there is none of: where it stands, and its word. */
export function unknownMagic(code: string): { readonly word: string; readonly start: number } | undefined {
  for (const { 1: indent = '', 2: word = '', index } of code.matchAll(/^([ \t]*)%(%?[a-z]+)(?=\s|$)/gm)) {
    const start = index + indent.length;
    if (!WORDS.some((known) => known === word) && parsesAs(withoutMagics(code.slice(0, start)).text, 'cell'))
      return { word, start };
  }
  return undefined;
}

/** What the magics put into the text that is compiled. */
export function magicEdits(magics: readonly Magic[], tree: SyntaxTree): TextEdit[] {
  return magics.flatMap((magic) => {
    const { word, start, argument } = magic;
    const put = (at: number, text: string): TextEdit => ({ start: at, end: at, text });
    if (word !== 'time' && word !== 'timeit') {
      return [put(start, `__npulab.magic.${word}(${JSON.stringify(argument)});`)];
    }
    const statement = tree.body.find((node) => tree.at(node.span?.start ?? 0) >= start);
    if (statement === undefined) return [put(start, `__npulab.magic.usage(${JSON.stringify(word)});`)];
    return timed(word, statement, tree.at).map(({ at, text }) => put(at, text));
  });
}

function timed(word: 'time' | 'timeit', node: SyntaxNode, at: SyntaxTree['at']): { at: number; text: string }[] {
  const [from, to] = [at(node.span?.start ?? 1), at(node.span?.end ?? 1)];
  const span = node.type === 'ExpressionStatement' ? spanOf(node.expression) : undefined;
  if (word === 'time') {
    return span === undefined
      ? [
          { at: from, text: '__npulab.magic.begin();' },
          { at: to, text: ';__npulab.magic.end();' },
        ]
      : [
          { at: at(span.start), text: '__npulab.magic.timed(__npulab.magic.now(), (' },
          { at: at(span.end), text: '))' },
        ];
  }
  const head = awaits(node)
    ? 'await __npulab.magic.timeit(true, async () => '
    : 'await __npulab.magic.timeit(false, () => ';
  return span === undefined
    ? [
        { at: from, text: `${head}{` },
        { at: to, text: '});' },
      ]
    : [
        { at: at(span.start), text: `${head}(` },
        { at: at(span.end), text: '))' },
      ];
}

/** Whether the code waits by itself, outside the functions it contains. */
function awaits(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(awaits);
  if (typeof value !== 'object' || value === null) return false;
  const node = asNode(value);
  if (node?.type === 'AwaitExpression' || (node?.type === 'ForOfStatement' && node.isAwait === true)) return true;
  if (node !== undefined && /Function|^Class|Method/.test(node.type)) return false;
  return Object.entries(value).some(([key, inner]) => key !== 'span' && awaits(inner));
}

function spanOf(value: unknown): { start: number; end: number } | undefined {
  return (value as { span?: { start: number; end: number } } | null)?.span;
}
