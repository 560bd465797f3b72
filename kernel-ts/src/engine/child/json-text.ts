/**
 * A long text as the bytes of its JSON, made in pieces: V8 puts a text of more than 128 KiB among its large objects and collects all
 * garbage after a few of them. In pieces only the bytes are large, and the front hands them on as they are.
 */

/** Characters that are written at once: short enough for V8's young objects. */
const PIECE_CHARACTERS = 32 * 1024;
/** A control character takes six: `\u0000`; any other at most three bytes. */
const MAX_BYTES_PER_CHARACTER = 6;

const scratch = Buffer.allocUnsafeSlow(PIECE_CHARACTERS * MAX_BYTES_PER_CHARACTER);

/** `JSON.stringify(text)` in UTF-8, quotes included. A pair of surrogates that two pieces share is two escapes there: the same text. */
export function jsonBytes(text: string): Buffer {
  const pieces: Buffer[] = [QUOTE];
  for (let start = 0; start < text.length; start += PIECE_CHARACTERS) {
    const json = JSON.stringify(text.slice(start, start + PIECE_CHARACTERS));
    pieces.push(Buffer.from(scratch.subarray(0, scratch.write(json.slice(1, -1), 'utf8'))));
  }
  pieces.push(QUOTE);
  return Buffer.concat(pieces);
}

const QUOTE = Buffer.from('"');
