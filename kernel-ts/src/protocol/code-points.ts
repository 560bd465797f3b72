/**
 * Jupyter counts cursor positions in code points, JavaScript in UTF-16 units. This file knows both and nothing else.
 */

/** Code points → UTF-16 units. Positions outside the text are moved to its nearest end. */
export function toUtf16(text: string, codePoints: number): number {
  let units = 0;
  for (let left = codePoints; left > 0 && units < text.length; left -= 1) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return units;
}

/** UTF-16 units → code points. A position inside a surrogate pair counts the pair. */
export function toCodePoints(text: string, units: number): number {
  let points = 0;
  for (let at = 0; at < Math.min(units, text.length); points += 1) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return points;
}
