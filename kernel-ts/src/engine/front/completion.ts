/**
 * Completion: members, properties and keys by the type checker, names in scope by our own lists; what exists at run time
 * only is added from the child. Runs no code. Surprise:
 * TypeScript 7.0.2 refuses to complete a bare name ("needs auto imports"), so names come from the session, from the
 * globals and from the words of the text, and the checker says which of those words mean something at the cursor.
 */
import { CompletionItemKind, SymbolFlags } from 'typescript/unstable/async';
import { MAGICS } from '../magic-usage.js';
import type { CompletionList, LiveName } from '../types.js';
import { cellText } from './analyze.js';
import { isBridgeName } from './cell-files.js';
import type { Checker } from './checker.js';
import type { LiveNames } from './live-names.js';
import { moduleNames } from './module-names.js';
import { nameSpan } from './name-span.js';
import { inTemplateText, openQuote } from './open-text.js';

type Match = LiveName;

const KEYWORDS =
  'abstract as async await break case catch class const continue debugger declare default delete do else enum export extends false finally for from function if implements import in instanceof interface keyof let namespace new null of private protected public readonly return satisfies static super switch this throw true try type typeof undefined using var void while yield'.split(
    ' ',
  );
const KINDS: Partial<Record<CompletionItemKind, string>> = {
  [CompletionItemKind.Method]: 'method',
  [CompletionItemKind.Function]: 'function',
  [CompletionItemKind.Constructor]: 'class',
  [CompletionItemKind.Field]: 'property',
  [CompletionItemKind.Property]: 'property',
  [CompletionItemKind.Variable]: 'variable',
  [CompletionItemKind.Constant]: 'constant',
  [CompletionItemKind.Class]: 'class',
  [CompletionItemKind.Interface]: 'interface',
  [CompletionItemKind.Module]: 'module',
  [CompletionItemKind.Enum]: 'enum',
  [CompletionItemKind.EnumMember]: 'constant',
  [CompletionItemKind.Keyword]: 'keyword',
  [CompletionItemKind.TypeParameter]: 'type',
};
/** What may stand behind a dot. */
const IDENTIFIER = /^#?[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;
const ANY_MEANING = SymbolFlags.Value | SymbolFlags.Type | SymbolFlags.Namespace | SymbolFlags.Alias;

/** What the session lends to completion. */
export interface CompletionSources {
  /** The notebook's folder. */
  readonly folder: string;
  readonly live: LiveNames;
}

/** Names that fit at `cursor`; the span is the whole name under it. */
export async function completeAt(
  checker: Checker,
  code: string,
  cursor: number,
  sources: CompletionSources,
): Promise<CompletionList> {
  const line = code.slice(code.lastIndexOf('\n', cursor - 1) + 1, cursor);
  const magic = /^[ \t]*%([a-z]*)$/.exec(line)?.[1];
  if (magic !== undefined) {
    const matches = Object.keys(MAGICS).map((text) => ({ text, type: 'magic' }));
    return { matches: fitting(matches, magic), start: cursor - magic.length, end: cursor };
  }
  const text = cellText(code);
  const quote = openQuote(line);
  if (quote !== undefined) return inString(checker, text, cursor, cursor - line.length + quote, sources);
  if (inTemplateText(text, cursor)) return { matches: [], start: cursor, end: cursor };
  const { start, end } = nameSpan(text, cursor);
  const prefix = text.slice(start, cursor);
  const before = text.slice(0, start);
  const isMember = /(^|[^.])\.\s*$/.test(before) && !/(?<![\p{ID_Continue}$])\d[\d_]*\.$/u.test(before);
  const { live } = sources;
  const found = isMember
    ? await members(checker, text, cursor, before, live)
    : await namesOrProperties(checker, text, start, cursor, live);
  return { matches: fitting(found, prefix), start, end };
}

/** Inside a string: module names, keys of the object whose bracket is open, or what its type allows. */
async function inString(
  checker: Checker,
  text: string,
  cursor: number,
  start: number,
  { folder, live }: CompletionSources,
): Promise<CompletionList> {
  const typed = text.slice(start, cursor);
  const end = cursor + (/^[^'"\n\r]*/.exec(text.slice(cursor))?.[0].length ?? 0);
  const before = text.slice(0, start - 1);
  const known = await asked(checker, text, cursor);
  if (/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)$/.test(before)) {
    const { matches, prefix } = moduleNames(typed, folder, known);
    return { matches: fitting(matches, prefix), start: cursor - prefix.length, end };
  }
  const path = /\[\s*$/.test(before) ? pathBefore(before.replace(/\??\.?\[\s*$/, '.')) : undefined;
  const keys = known.length > 0 || path === undefined ? known : await live.members(path);
  return { matches: fitting(keys, typed), start, end };
}

/** Members by type; where the type says nothing (`any`), those of the value. */
async function members(
  checker: Checker,
  text: string,
  cursor: number,
  before: string,
  live: LiveNames,
): Promise<readonly Match[]> {
  const typed = (await asked(checker, text, cursor)).filter(isName);
  const path = pathBefore(before);
  if (path === undefined) return typed;
  if (path.length === 1 && path[0] === 'globalThis') return [...typed, ...live.globals];
  return typed.length > 0 ? typed : (await live.members(path)).filter(isName);
}

/** Behind a brace or comma also what an import, a pattern or an object may name there; an import nothing else. */
async function namesOrProperties(
  checker: Checker,
  text: string,
  start: number,
  cursor: number,
  live: LiveNames,
): Promise<readonly Match[]> {
  const before = text.slice(0, start);
  const properties = /[{,]\s*$/.test(before) ? (await asked(checker, text, cursor)).filter(isName) : [];
  const isImport = /\b(?:import|export)\s+[^;'"(=]*\{[^}'"]*$/.test(before);
  if (properties.length > 0 && (isImport || start === cursor)) return properties;
  const names = await namesInScope(checker, text, start, cursor, text.slice(start, cursor), live.globals);
  const also = new Set(properties.map((one) => one.text));
  return [...properties, ...names.filter((one) => !also.has(one.text))];
}

function isName({ text }: Match): boolean {
  return IDENTIFIER.test(text);
}

/** Names joined by dots in front of the cursor's dot; undefined where anything else stands there. */
function pathBefore(before: string): string[] | undefined {
  const chain =
    /(?<![\p{ID_Continue}$.)\]'"`])[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\??\.[\p{ID_Start}$_][\p{ID_Continue}$]*)*(?=\??\.\s*$)/u.exec(
      before,
    )?.[0];
  return chain?.split(/\??\./);
}

/** What the compiler itself completes; nothing where it refuses. */
async function asked(checker: Checker, text: string, cursor: number): Promise<Match[]> {
  const parameters = { file: checker.files.scratchFile, position: cursor };
  const list = await checker.explore(
    text,
    (project, file) => project.checker.getCompletionsAtPosition(file, cursor).catch(() => undefined),
    [{ method: 'getCompletionsAtPosition', parameters }],
  );
  return (list?.entries ?? [])
    .filter((entry) => !isBridgeName(entry.name))
    .map((entry) => ({
      text: entry.name.replace(/\?$/, ''), // `width?`: a property that an object may leave out
      type: (entry.kind === undefined ? undefined : KINDS[entry.kind]) ?? 'property',
    }));
}

/** Names of the cell itself, of earlier cells, of Node and the lab, and keywords. */
async function namesInScope(
  checker: Checker,
  text: string,
  start: number,
  cursor: number,
  prefix: string,
  live: readonly Match[],
): Promise<Match[]> {
  const matches = new Map<string, string>();
  const around = `${text.slice(0, start)} ${text.slice(cursor)}`;
  const words = new Set(around.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu) ?? []);
  const candidates = [...words].filter((word) => begins(word, prefix) && !KEYWORDS.includes(word)).slice(0, 50);
  const meanings = await checker.explore(text, (project, file) =>
    Promise.all(
      candidates.map((word) => project.checker.resolveName(word, ANY_MEANING, { document: file, position: start })),
    ),
  );
  for (const [index, word] of candidates.entries()) {
    const flags = meanings[index]?.flags;
    if (flags !== undefined) matches.set(word, typeOfFlags(flags));
  }
  for (const [name, { kind }] of checker.files.declared()) {
    if (!matches.has(name)) matches.set(name, kind === 'const' ? 'constant' : kind === 'let' ? 'variable' : kind);
  }
  for (const { text: name, type } of live) if (!matches.has(name)) matches.set(name, type);
  if (prefix !== '') {
    for (const name of checker.files.globals) if (!matches.has(name)) matches.set(name, typeOfGlobal(name));
    for (const keyword of KEYWORDS) if (!matches.has(keyword)) matches.set(keyword, 'keyword');
  }
  return [...matches].filter(([name]) => !isBridgeName(name)).map(([name, type]) => ({ text: name, type }));
}

/** Matches that begin with the prefix; where none does, those that do without regard to case. */
function fitting(matches: readonly Match[], prefix: string): Match[] {
  const exact = matches.filter((match) => match.text.startsWith(prefix));
  const found = exact.length > 0 ? exact : matches.filter((match) => begins(match.text, prefix));
  return [...found].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

function begins(name: string, prefix: string): boolean {
  return name.toLowerCase().startsWith(prefix.toLowerCase());
}

function typeOfFlags(flags: number): string {
  if ((flags & SymbolFlags.Function) !== 0) return 'function';
  if ((flags & SymbolFlags.Class) !== 0) return 'class';
  if ((flags & SymbolFlags.Enum) !== 0) return 'enum';
  if ((flags & SymbolFlags.Interface) !== 0) return 'interface';
  if ((flags & (SymbolFlags.TypeAlias | SymbolFlags.TypeParameter)) !== 0) return 'type';
  if ((flags & (SymbolFlags.Alias | SymbolFlags.Namespace)) !== 0) return 'module';
  return 'variable';
}

function typeOfGlobal(name: string): string {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
  if (typeof descriptor?.value !== 'function') return 'variable';
  return /^\p{Lu}/u.test(name) ? 'class' : 'function';
}
