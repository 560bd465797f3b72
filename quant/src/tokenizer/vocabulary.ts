// Knows the pieces of a vocabulary and the two files they come in: SentencePiece's tokenizer.model and llama2.c's tokenizer .bin.
// Refuses to know how text is cut. Surprise: llama2.c writes "▁" as a blank and wraps <s>, </s> in line feeds; we undo both.
import { QuantError } from '../errors.js';
import { ProtobufWriter, protobufFields } from './protobuf.js';

/** SentencePiece piece types (sentencepiece_model.proto). */
export const PIECE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** One vocabulary entry. */
export interface Piece {
  /** Text, with "▁" (U+2581) for a blank. */
  readonly text: string;
  /** Merge score; the higher merges first. */
  readonly score: number;
  /** One of {@link PIECE}. */
  readonly type: number;
}

/** A vocabulary and the switches that matter to encoding. */
export interface Vocabulary {
  readonly pieces: readonly Piece[];
  /** A blank is put before the text. */
  readonly dummyPrefix: boolean;
  /** Characters outside the vocabulary become bytes. */
  readonly byteFallback: boolean;
  readonly unknownToken: number;
  readonly bosToken: number;
  readonly eosToken: number;
}

const damaged = (message: string): QuantError => new QuantError('model.damaged-tokenizer', `tokenizer: ${message}`);
const unsupported = (message: string): QuantError => new QuantError('model.unsupported', `tokenizer: ${message}`);

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new QuantError('model.damaged-tokenizer', 'tokenizer: a piece is not UTF-8', cause);
  }
}

function float(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

function parsePiece(bytes: Uint8Array): Piece {
  let text = '';
  let score = 0;
  let type: number = PIECE.normal;
  for (const f of protobufFields(bytes)) {
    if (f.field === 1 && f.wire === 2) text = utf8(f.bytes);
    else if (f.field === 2 && f.wire === 5) score = float(f.bytes);
    else if (f.field === 3 && f.wire === 0) type = f.value;
  }
  if (type === PIECE.userDefined) throw unsupported(`piece ${JSON.stringify(text)} is user-defined`);
  if (Number.isNaN(score)) throw damaged(`piece ${JSON.stringify(text)} has no number as score`);
  return { text, score, type };
}

/** Parses a SentencePiece tokenizer.model. Errors: `model.damaged-tokenizer`, `model.unsupported` (not BPE, normalizing, user-defined pieces). */
export function parseSentencePiece(bytes: Uint8Array): Vocabulary {
  const pieces: Piece[] = [];
  let modelType = 1;
  let dummyPrefix = true;
  let removeWhitespace = true;
  let escapeWhitespace = true;
  let charsmapBytes = 0;
  let byteFallback = false;
  let [unknownToken, bosToken, eosToken] = [0, 1, 2];
  for (const f of protobufFields(bytes)) {
    if (f.field === 1 && f.wire === 2) {
      pieces.push(parsePiece(f.bytes));
    } else if (f.field === 2 && f.wire === 2) {
      for (const t of protobufFields(f.bytes)) {
        if (t.field === 3) modelType = t.value;
        else if (t.field === 35) byteFallback = t.value !== 0;
        else if (t.field === 40) unknownToken = t.value;
        else if (t.field === 41) bosToken = t.value;
        else if (t.field === 42) eosToken = t.value;
      }
    } else if (f.field === 3 && f.wire === 2) {
      for (const n of protobufFields(f.bytes)) {
        if (n.field === 2) charsmapBytes = n.bytes.length;
        else if (n.field === 3) dummyPrefix = n.value !== 0;
        else if (n.field === 4) removeWhitespace = n.value !== 0;
        else if (n.field === 5) escapeWhitespace = n.value !== 0;
      }
    }
  }
  if (modelType !== 2) throw unsupported(`model type ${modelType}; only BPE (2) is known`);
  if (charsmapBytes > 0) throw unsupported('it normalizes characters; only identity is known');
  if (removeWhitespace) throw unsupported('it removes extra white space');
  if (!escapeWhitespace) throw unsupported('it does not write blanks as U+2581');
  return checked({ pieces, dummyPrefix, byteFallback, unknownToken, bosToken, eosToken });
}

/** Parses llama2.c's tokenizer .bin, which has no count: the checkpoint gives it. Errors: `model.damaged-tokenizer`. */
export function parseLlama2cTokenizer(bytes: Uint8Array, vocab: number): Vocabulary {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pieces: Piece[] = [];
  let at = 4; // the first i32 is the longest piece, not needed
  for (let id = 0; id < vocab; id++) {
    if (at + 8 > bytes.length) throw damaged(`ends at piece ${id} of ${vocab}`);
    const score = view.getFloat32(at, true);
    const length = view.getInt32(at + 4, true);
    at += 8;
    if (length < 0 || length > bytes.length - at)
      throw damaged(`piece ${id} claims ${length} bytes, ${bytes.length - at} are left`);
    const raw = utf8(bytes.subarray(at, at + length));
    at += length;
    if (id < 3) {
      pieces.push({
        text: ['<unk>', '<s>', '</s>'][id] ?? '',
        score: 0,
        type: id === 0 ? PIECE.unknown : PIECE.control,
      });
    } else {
      pieces.push({
        text: raw.replaceAll(' ', '\u2581'),
        score,
        type: /^<0x[0-9A-F]{2}>$/.test(raw) ? PIECE.byte : PIECE.normal,
      });
    }
  }
  if (at !== bytes.length) throw damaged(`${bytes.length - at} bytes after piece ${vocab - 1}`);
  const byteFallback = pieces.some((piece) => piece.type === PIECE.byte);
  return checked({ pieces, dummyPrefix: true, byteFallback, unknownToken: 0, bosToken: 1, eosToken: 2 });
}

/** Writes a SentencePiece tokenizer.model with the same behaviour. */
export function writeSentencePiece(vocabulary: Vocabulary): Uint8Array {
  const chunks = vocabulary.pieces.map((piece) =>
    new ProtobufWriter()
      .data(1, new ProtobufWriter().data(1, piece.text).float(2, piece.score).varint(3, piece.type).finish())
      .finish(),
  );
  const trainer = new ProtobufWriter().varint(3, 2).varint(4, vocabulary.pieces.length);
  trainer.varint(35, vocabulary.byteFallback ? 1 : 0).varint(40, vocabulary.unknownToken);
  trainer.varint(41, vocabulary.bosToken).varint(42, vocabulary.eosToken);
  const normalizer = new ProtobufWriter().data(1, 'identity').varint(3, vocabulary.dummyPrefix ? 1 : 0);
  normalizer.varint(4, 0).varint(5, 1);
  chunks.push(new ProtobufWriter().data(2, trainer.finish()).data(3, normalizer.finish()).finish());
  return Buffer.concat(chunks);
}

function checked(vocabulary: Vocabulary): Vocabulary {
  const { pieces } = vocabulary;
  if (pieces.length === 0) throw damaged('no pieces');
  for (const [name, id] of Object.entries({
    unknown: vocabulary.unknownToken,
    bos: vocabulary.bosToken,
    eos: vocabulary.eosToken,
  })) {
    if (id >= pieces.length) throw damaged(`${name} token ${id} of ${pieces.length} pieces`);
  }
  if (vocabulary.byteFallback) {
    const bytes = new Set(pieces.filter((piece) => piece.type === PIECE.byte).map((piece) => piece.text));
    if (bytes.size !== 256) throw damaged(`byte fallback with ${bytes.size} of 256 byte pieces`);
  }
  return vocabulary;
}
