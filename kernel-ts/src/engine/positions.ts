/**
 * From a place in the JavaScript that V8 runs to the user's TypeScript, and back. Knows the trail that the compiler leaves;
 * refuses to know scripts and processes.
 *
 * Surprising: the way back is not the inverse. A line without code (a comment, an interface, a brace) stands for the next
 * line that has some, which is what a debugger's user expects.
 */
import type { PositionTrail } from './channel.js';
import { mappedSegments, originalPosition, type Segment } from './source-map.js';

/** A piece of `js` that was copied: `[start in js, start in lowered, length]`. What lies between was inserted by us. */
export type Piece = readonly [startInJs: number, startInLowered: number, length: number];

/** Pieces, by start, as a trail holds them. */
export function textOfPieces(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.join(',')).join(';');
}

/** The pieces of a trail. */
export function piecesOf({ pieces }: PositionTrail): Piece[] {
  return piecesIn(pieces);
}

function piecesIn(pieces: string): Piece[] {
  if (pieces === '') return [];
  return pieces.split(';').map((piece) => piece.split(',').map(Number) as unknown as Piece);
}

/** JavaScript and the trail that leads back from it. */
export interface TrailedText {
  readonly js: string;
  readonly trail: PositionTrail;
}

/** The 1-based line and column in the user's text of a 1-based position in the script; undefined where none is known. */
export function userPosition(
  text: TrailedText,
  line: number,
  column: number,
): { line: number; column: number } | undefined {
  return positionBy(wayBack(text), line, column);
}

/** What leads back from a script, without the texts: where their lines begin, and the trail. One line, to be remembered. */
export function wayBack({ js, trail }: TrailedText): string {
  return [lineStarts(js), lineStarts(trail.lowered), trail.pieces, trail.mappings ?? UNMOVED].join(' ');
}

const UNMOVED = '=';

/** The same as `userPosition`, from what `wayBack` gave. */
export function positionBy(way: string, line: number, column: number): { line: number; column: number } | undefined {
  const [script = '', lowered = '', pieceText = '', mappings = ''] = way.split(' ');
  const inScript = script.split(',').map(Number);
  const offset = (inScript[Math.min(line, inScript.length) - 1] ?? 0) + column - 1;
  const pieces = piecesIn(pieceText);
  const piece = pieces.findLast(([start]) => start <= offset) ?? pieces[0];
  if (piece === undefined) return { line: 1, column: 1 };
  const inLowered = piece[1] + Math.min(Math.max(offset - piece[0], 0), piece[2]);
  const starts = lowered.split(',').map(Number);
  const at = starts.findLastIndex((start) => start <= inLowered);
  const place = { line: at, column: inLowered - (starts[at] ?? 0) };
  const found = mappings === UNMOVED ? place : originalPosition(mappings, place.line, place.column);
  return found === undefined ? undefined : { line: found.line + 1, column: found.column + 1 };
}

function lineStarts(text: string): string {
  const starts = [0];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return starts.join();
}

/**
 * Where code of a 1-based line begins: the line that was found, at or below it, and the offset in `lowered`. `startsIn` gives
 * the offsets at which code begins in a text that needed no lowering, and so has no source map.
 */
export function firstCodeAt(
  trail: PositionTrail,
  line: number,
  startsIn: (text: string) => readonly number[],
): { line: number; inLowered: number } | undefined {
  if (trail.mappings === undefined) return firstStart(trail.lowered, line, startsIn);
  let best: Segment | undefined;
  const lines = trail.lowered.split('\n');
  for (const one of mappedSegments(trail.mappings)) {
    if (one.line < line - 1) continue;
    const nearer = best === undefined || one.line < best.line || (one.line === best.line && one.column < best.column);
    // The compiler maps comments too, and where lines end.
    if (nearer && !/^\s*($|\/[/*])/.test(lines[one.generatedLine]?.slice(one.generatedColumn) ?? '')) best = one;
  }
  if (best === undefined) return undefined;
  return { line: best.line + 1, inLowered: offsetOf(trail.lowered, best.generatedLine, best.generatedColumn) };
}

function firstStart(
  text: string,
  line: number,
  startsIn: (text: string) => readonly number[],
): { line: number; inLowered: number } | undefined {
  const from = offsetOf(text, line - 1, 0);
  let first: number | undefined;
  for (const start of startsIn(text)) if (start >= from && (first === undefined || start < first)) first = start;
  const found = first === undefined ? undefined : placeOf(text, first).line + 1;
  return first === undefined || found === undefined || found < line ? undefined : { line: found, inLowered: first };
}

/** The 0-based place in the script of an offset in `lowered`; where that text was left out, of what follows it. */
export function scriptPlace(
  { js, trail }: TrailedText,
  inLowered: number,
): { line: number; column: number } | undefined {
  let next: Piece | undefined;
  for (const piece of piecesOf(trail)) {
    const [start, from, length] = piece;
    if (inLowered >= from && inLowered < from + Math.max(length, 1)) return placeOf(js, start + inLowered - from);
    if (from > inLowered && (next === undefined || from < next[1])) next = piece;
  }
  return next === undefined ? undefined : placeOf(js, next[0]);
}

/** The offset of a 0-based line and column. */
export function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let index = 0; index < line; index++) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  return start + column;
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length - 1, column: offset - (before.lastIndexOf('\n') + 1) };
}
