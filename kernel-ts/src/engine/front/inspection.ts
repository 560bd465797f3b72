/** Inspection: signature, documentation and tags of the name under the cursor. Runs no code. */
import { type Project, SymbolFlags } from 'typescript/unstable/async';
import { MAGICS, type MagicWord } from '../magic-usage.js';
import type { InspectionResult } from '../types.js';
import { cellText } from './analyze.js';
import type { Checker } from './checker.js';
import { withoutMagics } from './magics.js';
import { nameSpan } from './name-span.js';

const NOT_FOUND: InspectionResult = { found: false, data: {} };
const MAX_MEMBERS = 60;
/** The compiler's flag to write out what an alias stands for. */
const IN_TYPE_ALIAS = 1 << 23;
const TYPES = SymbolFlags.Type | SymbolFlags.Namespace;

/** What the checker knows of the name at `cursor`, or of the call that `cursor` stands in. */
export async function inspectAt(
  checker: Checker,
  code: string,
  cursor: number,
  detailLevel: 0 | 1,
): Promise<InspectionResult> {
  const magic = magicAt(code, cursor);
  if (magic !== undefined) return { found: true, data: { 'text/plain': MAGICS[magic] } };
  const text = cellText(code);
  const position = namePosition(text, cursor);
  if (position === undefined) return NOT_FOUND;
  const parameters = { file: checker.files.scratchFile, position };
  const name = /[.'"`]\s*$/.test(text.slice(0, position)) ? '' : text.slice(position, nameSpan(text, position).end);
  return checker.explore(text, (project, file) => describe(project, file, position, name, detailLevel), [
    { method: 'getSymbolAtPosition', parameters },
    { method: 'getTypeAtPosition', parameters },
  ]);
}

function magicAt(code: string, cursor: number): MagicWord | undefined {
  const { magics } = withoutMagics(code);
  return magics.find(({ word, start }) => cursor >= start && cursor <= start + 1 + word.length)?.word;
}

async function describe(
  project: Project,
  file: string,
  position: number,
  name: string,
  detailLevel: 0 | 1,
): Promise<InspectionResult> {
  const { checker } = project;
  const [found, typeHere] = await Promise.all([
    checker.getSymbolAtPosition(file, position),
    checker.getTypeAtPosition(file, position),
  ]);
  // A type alone on its line stands where the compiler looks for a value.
  const symbol = found ?? (await checker.resolveName(name, TYPES, { document: file, position }));
  if (symbol === undefined) return NOT_FOUND;
  const target = (symbol.flags & SymbolFlags.Alias) !== 0 ? await checker.getAliasedSymbol(symbol) : symbol;
  const isTypeOnly = (target.flags & SymbolFlags.Value) === 0;
  const type = isTypeOnly
    ? await checker.getDeclaredTypeOfSymbol(target)
    : (typeHere ?? (await checker.getTypeOfSymbol(target)));
  if (type === undefined) return NOT_FOUND;
  const [shown, documentation, tags] = await Promise.all([
    checker.typeToString(type, undefined, (target.flags & SymbolFlags.TypeAlias) === 0 ? 0 : IN_TYPE_ALIAS),
    checker.getDocumentationCommentOfSymbol(target),
    checker.getJsDocTagsOfSymbol(target),
  ]);
  const signature = `${wordFor(target.flags)} ${symbol.name}${isTypeOnly && shown === symbol.name ? '' : `: ${shown}`}`;
  const tagLines = tags.map((tag) => `@${tag.name} ${textOf(tag.text)}`.trim());
  const members: string[] = [];
  if (detailLevel === 1) {
    const properties = (await checker.getPropertiesOfType(type)).slice(0, MAX_MEMBERS);
    const types = await Promise.all(properties.map((property) => checker.getTypeOfSymbol(property)));
    for (const [index, property] of properties.entries()) {
      const its = types[index];
      if (its !== undefined) members.push(`${property.name}: ${await checker.typeToString(its)}`);
    }
  }
  const plain = [signature, documentation, tagLines.join('\n'), members.join('\n')].filter((part) => part !== '');
  const markdown = [
    `\`\`\`typescript\n${signature}\n\`\`\``,
    documentation,
    tagLines.map((line) => line.replace(/^@(\S+)/, '*@$1*')).join('  \n'),
    members.length === 0 ? '' : `\`\`\`typescript\n${members.join('\n')}\n\`\`\``,
  ].filter((part) => part !== '');
  return { found: true, data: { 'text/plain': plain.join('\n\n'), 'text/markdown': markdown.join('\n\n') } };
}

/** Where the name starts: under the cursor, just before it, or the callee of the parenthesis around it. */
function namePosition(text: string, cursor: number): number | undefined {
  const { start, end } = nameSpan(text, cursor);
  if (end > start && !/\d/.test(text[start] as string)) return start;
  let depth = 0;
  for (let index = start - 1; index >= 0; index--) {
    if (text[index] === ')') depth++;
    else if (text[index] === ';') return undefined;
    else if (text[index] === '(' && depth-- === 0) {
      const callee = nameSpan(text, text.slice(0, index).trimEnd().length);
      return callee.end > callee.start ? callee.start : undefined;
    }
  }
  return undefined;
}

function wordFor(flags: number): string {
  if ((flags & SymbolFlags.Function) !== 0) return '(function)';
  if ((flags & SymbolFlags.Method) !== 0) return '(method)';
  if ((flags & SymbolFlags.Class) !== 0) return '(class)';
  if ((flags & SymbolFlags.Interface) !== 0) return '(interface)';
  if ((flags & SymbolFlags.TypeAlias) !== 0) return '(type)';
  if ((flags & SymbolFlags.Enum) !== 0) return '(enum)';
  if ((flags & (SymbolFlags.Property | SymbolFlags.Accessor)) !== 0) return '(property)';
  if ((flags & SymbolFlags.Namespace) !== 0) return '(module)';
  return '(variable)';
}

function textOf(text: unknown): string {
  if (typeof text === 'string') return text;
  if (Array.isArray(text)) return text.map((part) => (part as { text?: string }).text ?? '').join('');
  return '';
}
