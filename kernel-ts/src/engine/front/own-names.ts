/**
 * The names in a text that need not parse: all of them, and those that it declares itself. Knows no scopes: a declaration
 * counts as one of the text's own where it stands at the beginning of a line.
 */

const NAME = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*`;
const WORD = new RegExp(NAME, 'gu');
const BEFORE = String.raw`^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?`;
const NAMED = new RegExp(
  String.raw`${BEFORE}(?:const\s+enum|const|let|var|function|class|interface|type|enum|namespace)\b[\s*]*(${NAME})`,
  'gmu',
);
const PATTERN = /^(?:export\s+)?(?:const|let|var)\s*([{[][^=;]*)/gm;
const IMPORT = /^import\b([^'";]*)/gm;

/** Every name that occurs in the text, in comments and strings too. */
export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.match(WORD));
}

/** Names that the text declares. */
export function ownNames(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, name] of text.matchAll(NAMED)) names.add(name as string);
  for (const parts of [PATTERN, IMPORT]) {
    for (const [, part] of text.matchAll(parts)) for (const name of wordsOf(part as string)) names.add(name);
  }
  return names;
}
