/** Source map positions (VLQ), only as much as stack frames and breakpoints need. Knows no files. */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUE = new Map([...DIGITS].map((digit, index) => [digit, index]));

/** The position in the source of a 0-based position in the generated text; undefined where there is none. */
export function originalPosition(
  mappings: string,
  line: number,
  column: number,
): { line: number; column: number } | undefined {
  let sourceLine = 0;
  let sourceColumn = 0;
  let best: { line: number; column: number } | undefined;
  const lines = mappings.split(';');
  for (let index = 0; index <= line && index < lines.length; index++) {
    let generated = 0;
    best = undefined;
    for (const segment of (lines[index] as string).split(',')) {
      if (segment === '') continue;
      const fields = decode(segment);
      generated += fields[0] ?? 0;
      if (fields.length >= 4) {
        sourceLine += fields[2] as number;
        sourceColumn += fields[3] as number;
        if (index === line && (generated <= column || best === undefined))
          best = { line: sourceLine, column: sourceColumn };
      }
    }
  }
  return best;
}

/** A place of the generated text and what it stands for, 0-based. */
export interface Segment {
  readonly generatedLine: number;
  readonly generatedColumn: number;
  readonly line: number;
  readonly column: number;
}

/** Every mapped position, in the order of the generated text. */
export function mappedSegments(mappings: string): Segment[] {
  const segments: Segment[] = [];
  let line = 0;
  let column = 0;
  for (const [generatedLine, text] of mappings.split(';').entries()) {
    let generatedColumn = 0;
    for (const segment of text.split(',')) {
      if (segment === '') continue;
      const fields = decode(segment);
      generatedColumn += fields[0] ?? 0;
      if (fields.length < 4) continue;
      line += fields[2] as number;
      column += fields[3] as number;
      segments.push({ generatedLine, generatedColumn, line, column });
    }
  }
  return segments;
}

function decode(segment: string): number[] {
  const fields: number[] = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = VALUE.get(digit) ?? 0;
    value += (bits & 31) << shift;
    if ((bits & 32) !== 0) shift += 5;
    else {
      fields.push((value & 1) !== 0 ? -(value >>> 1) : value >>> 1);
      value = 0;
      shift = 0;
    }
  }
  return fields;
}
