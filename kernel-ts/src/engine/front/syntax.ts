/**
 * What we read of swc's syntax tree. Knows node names, no meaning. Surprise: swc counts positions in UTF-8 bytes from
 * 1; `unitOffsets` turns them into UTF-16 units from 0.
 */
import type { ParseOptions } from '@swc/core';
import { swc } from './swc.js';

/** A node of the tree: `type`, a span where it has one, and whatever else the type brings. */
export interface SyntaxNode {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [key: string]: unknown;
}

/** A parsed text. */
export interface SyntaxTree {
  readonly body: readonly SyntaxNode[];
  /** Span position → UTF-16 offset in the text. */
  readonly at: (spanPosition: number) => number;
}

/** Parser settings of a cell. */
export const CELL_PARSER: ParseOptions = { syntax: 'typescript', decorators: true, target: 'esnext' };
const PARSERS = {
  cell: CELL_PARSER,
  tsx: { ...CELL_PARSER, tsx: true },
  lowered: { syntax: 'ecmascript', target: 'esnext' },
} satisfies Record<string, ParseOptions>;

/** TypeScript of a cell, the same with JSX, or the JavaScript made of a cell. */
export type Dialect = keyof typeof PARSERS;

/** Parses a text. Throws swc's error. */
export function parseText(text: string, dialect: Dialect): SyntaxTree {
  const module = swc().parseSync(text, PARSERS[dialect]);
  return { body: module.body as unknown as readonly SyntaxNode[], at: unitOffsets(text) };
}

/** Whether a text parses. */
export function parsesAs(text: string, dialect: Dialect): boolean {
  try {
    parseText(text, dialect);
    return true;
  } catch {
    return false;
  }
}

/** Maps swc's byte positions to UTF-16 offsets; free of cost for ASCII. */
export function unitOffsets(text: string): (spanPosition: number) => number {
  const sizeBytes = Buffer.byteLength(text, 'utf8');
  if (sizeBytes === text.length) return (position) => position - 1;
  const units = new Uint32Array(sizeBytes + 2);
  let byte = 0;
  for (let unit = 0; unit < text.length; ) {
    const codePoint = text.codePointAt(unit) as number;
    const width = codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    units.fill(unit, byte, byte + width);
    byte += width;
    unit += codePoint < 0x10000 ? 1 : 2;
  }
  units.fill(text.length, byte);
  return (position) => units[position - 1] ?? text.length;
}

/** The value as a node, or undefined. */
export function asNode(value: unknown): SyntaxNode | undefined {
  return typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string'
    ? (value as SyntaxNode)
    : undefined;
}

/** The value as a list of nodes; anything else is left out. */
export function asNodes(value: unknown): SyntaxNode[] {
  return Array.isArray(value) ? value.map(asNode).filter((node) => node !== undefined) : [];
}

/** Names bound by a pattern: `a`, `[a, b]`, `{a, b: c = 1, ...d}`. */
export function patternNames(pattern: SyntaxNode | undefined, into: string[] = []): string[] {
  switch (pattern?.type) {
    case 'Identifier':
      into.push(pattern.value as string);
      break;
    case 'ArrayPattern':
      for (const element of asNodes(pattern.elements)) patternNames(element, into);
      break;
    case 'ObjectPattern':
      for (const property of asNodes(pattern.properties)) {
        if (property.type === 'AssignmentPatternProperty') patternNames(asNode(property.key), into);
        else patternNames(asNode(property.value) ?? asNode(property.argument), into);
      }
      break;
    case 'AssignmentPattern':
      patternNames(asNode(pattern.left), into);
      break;
    case 'RestElement':
      patternNames(asNode(pattern.argument), into);
      break;
    case 'Parameter':
      patternNames(asNode(pattern.pat), into);
      break;
  }
  return into;
}
