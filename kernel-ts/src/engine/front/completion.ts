/**
 * Completion: members by the type checker, names in scope by our own lists, files by looking; what exists at run time only
 * is added from the child. Runs no code. Surprise:
 * TypeScript 7.0.2 refuses to complete a bare name ("needs auto imports"), so names come from the session, from the
 * globals and from the words of the text, and the checker says which of those words mean something at the cursor.
 */
import { readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, resolve } from 'node:path';
import { CompletionItemKind, SymbolFlags } from 'typescript/unstable/async';
import type { CompletionList, LiveName } from '../types.js';
import { cellText } from './analyze.js';
import { isBridgeName } from './cell-files.js';
import type { Checker } from './checker.js';
import type { LiveNames } from './live-names.js';

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

/** Names that fit at `cursor`; the span is the whole name under it. */
export async function completeAt(
  checker: Checker,
  code: string,
  cursor: number,
  { folder, live }: { readonly folder: string; readonly live: LiveNames },
): Promise<CompletionList> {
  const text = cellText(code);
  const specifier = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]*)$/.exec(text.slice(0, cursor));
  if (specifier !== null) return specifierMatches(checker, text, cursor, specifier[2] as string, folder);
  let start = cursor;
  while (start > 0 && /[\p{ID_Continue}$_]/u.test(text[start - 1] as string)) start--;
  let end = cursor;
  while (end < text.length && /[\p{ID_Continue}$_]/u.test(text[end] as string)) end++;
  const prefix = text.slice(start, cursor);
  const before = text.slice(0, start);
  const isMember = /(^|[^.])\.\s*$/.test(before) && !/\d\.$/.test(before);
  const found = isMember
    ? await members(checker, text, cursor, before, live)
    : await namesInScope(checker, text, start, cursor, prefix, live.globals);
  return { matches: fitting(found, prefix), start, end };
}

/** Members by type; where the type says nothing (`any`), those of the value. */
async function members(
  checker: Checker,
  text: string,
  cursor: number,
  before: string,
  live: LiveNames,
): Promise<readonly Match[]> {
  const typed = (await asked(checker, text, cursor)).filter(({ text: name }) => IDENTIFIER.test(name));
  const path = pathBefore(before);
  if (path === undefined) return typed;
  if (path.length === 1 && path[0] === 'globalThis') return [...typed, ...live.globals];
  return typed.length > 0 ? typed : live.members(path);
}

/** Names joined by dots in front of the cursor's dot; undefined where anything else stands there. */
function pathBefore(before: string): string[] | undefined {
  const chain =
    /(?<![\p{ID_Continue}$.)\]'"`])[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\??\.[\p{ID_Start}$_][\p{ID_Continue}$]*)*(?=\??\.\s*$)/u.exec(
      before,
    )?.[0];
  return chain?.split(/\??\./);
}

async function asked(checker: Checker, text: string, cursor: number): Promise<Match[]> {
  const early = {
    method: 'getCompletionsAtPosition',
    parameters: { file: checker.files.scratchFile, position: cursor },
  };
  const list = await checker.explore(
    text,
    (project, file) => project.checker.getCompletionsAtPosition(file, cursor),
    early,
  );
  return (list?.entries ?? [])
    .filter((entry) => !isBridgeName(entry.name))
    .map((entry) => ({
      text: entry.name,
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

async function specifierMatches(
  checker: Checker,
  text: string,
  cursor: number,
  typed: string,
  folder: string,
): Promise<CompletionList> {
  const rest = /^[^'"\n]*/.exec(text.slice(cursor))?.[0].length ?? 0;
  if (/^\.{0,2}\//.test(typed) || typed === '.' || typed === '..') {
    const last = typed.lastIndexOf('/') + 1;
    const base = resolve(folder, last === 0 ? '.' : typed.slice(0, last));
    const start = cursor - (typed.length - last);
    return { matches: fitting(filesIn(base), typed.slice(last)), start, end: cursor + rest };
  }
  const found = new Map((await asked(checker, text, cursor)).map((match) => [match.text, match]));
  if (typed !== '' && !typed.startsWith('node:')) {
    for (const name of builtinModules) if (!name.startsWith('_')) found.set(name, { text: name, type: 'module' });
  }
  return { matches: fitting([...found.values()], typed), start: cursor - typed.length, end: cursor + rest };
}

function filesIn(folder: string): Match[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(
        (entry) =>
          !entry.name.startsWith('.') && (entry.isDirectory() || /\.(m?[jt]s|tsx|cjs|json|wasm)$/.test(entry.name)),
      )
      .map((entry) => ({
        text: entry.isDirectory() ? `${entry.name}/` : entry.name,
        type: entry.isDirectory() ? 'folder' : 'file',
      }));
  } catch {
    return [{ text: `${dirname(folder)}/`, type: 'folder' }].slice(1); // the folder does not exist: nothing fits
  }
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
