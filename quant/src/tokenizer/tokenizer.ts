// Knows text ↔ token ids: SentencePiece BPE with byte fallback, the algorithm of the board's tinyllama crate.
// Refuses to know models. Surprise: text is cut before every run of blanks and each part is merged alone. That is exact only
// where no piece has a blank after another character; the constructor looks, and merges the whole text where one does.
import { QuantError } from '../errors.js';
import { type Breath, breathe } from '../pace.js';
import { bpeMerge } from './bpe.js';
import { PIECE, parseSentencePiece, type Vocabulary, writeSentencePiece } from './vocabulary.js';

const BLANK = '\u2581';
const CACHED_PARTS = 20_000;

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Put the BOS token first. Default false. */
  bos?: boolean;
}

/** Text to token ids and back. Immutable; may be shared. */
export class Tokenizer {
  /** Number of pieces. */
  readonly size: number;
  /** Begins a text. */
  readonly bosToken: number;
  /** Ends a text. */
  readonly eosToken: number;
  readonly #vocabulary: Vocabulary;
  readonly #source: Uint8Array | null;
  readonly #ids = new Map<string, number>();
  readonly #scores = new Map<string, number>();
  readonly #byteIds = new Int32Array(256).fill(-1);
  readonly #bytesOf: Uint8Array[];
  readonly #cutAtBlanks: boolean;
  readonly #cache = new Map<string, readonly number[]>();

  /** From a parsed vocabulary; `source` are the bytes of a tokenizer.model, kept for saving. */
  constructor(vocabulary: Vocabulary, source: Uint8Array | null = null) {
    this.#vocabulary = vocabulary;
    this.#source = source;
    this.size = vocabulary.pieces.length;
    this.bosToken = vocabulary.bosToken;
    this.eosToken = vocabulary.eosToken;
    const utf8 = new TextEncoder();
    let cut = true;
    this.#bytesOf = vocabulary.pieces.map((piece, id) => {
      if (piece.type === PIECE.byte) {
        const byte = Number.parseInt(piece.text.slice(3, 5), 16);
        if (!/^<0x[0-9A-F]{2}>$/.test(piece.text))
          throw new QuantError('model.damaged-tokenizer', `tokenizer: byte piece ${JSON.stringify(piece.text)}`);
        this.#byteIds[byte] = id;
        return Uint8Array.of(byte);
      }
      if (piece.type === PIECE.control) return new Uint8Array(0);
      if (piece.type === PIECE.unknown) return utf8.encode(' \u2047 ');
      if (!this.#ids.has(piece.text)) {
        this.#ids.set(piece.text, id);
        this.#scores.set(piece.text, piece.score);
        if (/[^\u2581]\u2581/.test(piece.text)) cut = false;
      }
      return utf8.encode(piece.text.replaceAll(BLANK, ' '));
    });
    this.#cutAtBlanks = cut;
  }

  /** From the bytes of a SentencePiece tokenizer.model. Errors: `model.damaged-tokenizer`, `model.unsupported`. */
  static fromSentencePiece(bytes: Uint8Array): Tokenizer {
    const copy = Uint8Array.from(bytes);
    return new Tokenizer(parseSentencePiece(copy), copy);
  }

  /** Token ids of a text. An empty text has none (but BOS where asked for). For long texts see {@link encodeLong}. */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const ids: number[] = options.bos ? [this.bosToken] : [];
    for (const part of this.#parts(text)) this.#encodePart(part, ids);
    return Int32Array.from(ids);
  }

  /** As {@link encode}, giving way to other work every 10 ms. Errors: `quant.cancelled`. */
  async encodeLong(text: string, options: EncodeOptions & { signal?: AbortSignal } = {}): Promise<Int32Array> {
    const ids: number[] = options.bos ? [this.bosToken] : [];
    const breath: Breath = breathe(options.signal);
    for (const part of this.#parts(text)) {
      this.#encodePart(part, ids);
      if (breath.due()) await breath.take();
    }
    return Int32Array.from(ids);
  }

  /** Text of ids; control tokens give nothing, the blank that encoding put first is removed. Broken UTF-8 becomes U+FFFD. */
  decode(ids: ArrayLike<number>): string {
    const stream = this.decoder();
    let text = '';
    for (let i = 0; i < ids.length; i++) text += stream.push(ids[i] as number);
    text += stream.end();
    return this.#vocabulary.dummyPrefix && text.startsWith(' ') ? text.slice(1) : text;
  }

  /** Decodes token by token: a character whose bytes are split over tokens appears with its last byte. Keeps leading blanks. */
  decoder(): { push(id: number): string; end(): string } {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (id) => utf8.decode(this.bytes(id), { stream: true }),
      end: () => utf8.decode(),
    };
  }

  /** Bytes a token stands for. Errors: `model.bad-tokens`. */
  bytes(id: number): Uint8Array {
    const bytes = this.#bytesOf[id];
    if (!bytes) throw new QuantError('model.bad-tokens', `token ${id}; the vocabulary has ${this.size}`);
    return bytes;
  }

  /** The piece of a token as the vocabulary writes it. Errors: `model.bad-tokens`. */
  piece(id: number): string {
    const piece = this.#vocabulary.pieces[id];
    if (!piece) throw new QuantError('model.bad-tokens', `token ${id}; the vocabulary has ${this.size}`);
    return piece.text;
  }

  /** Bytes of a tokenizer.model: the ones it was read from, else written anew. */
  toSentencePiece(): Uint8Array {
    return this.#source ?? writeSentencePiece(this.#vocabulary);
  }

  /** One line. */
  toString(): string {
    return `Tokenizer: ${this.size} pieces, BPE${this.#vocabulary.byteFallback ? ' with byte fallback' : ''}`;
  }

  *#parts(text: string): Generator<string> {
    if (text === '') return;
    const escaped =
      (this.#vocabulary.dummyPrefix ? BLANK : '') + text.replace(/\p{Surrogate}/gu, '\uFFFD').replaceAll(' ', BLANK);
    if (!this.#cutAtBlanks) {
      yield escaped;
      return;
    }
    const cut = /[^\u2581]\u2581/g;
    let start = 0;
    for (let match = cut.exec(escaped); match; match = cut.exec(escaped)) {
      // A character outside the BMP ends in a low surrogate: the cut behind it is still between characters.
      yield escaped.slice(start, match.index + 1);
      start = match.index + 1;
      cut.lastIndex = start;
    }
    yield escaped.slice(start);
  }

  #encodePart(part: string, ids: number[]): void {
    let known = this.#cache.get(part);
    if (!known) {
      known = bpeMerge(part, (text) => this.#scores.get(text)).flatMap((symbol) => this.#symbolIds(symbol));
      if (part.length <= 64) {
        if (this.#cache.size >= CACHED_PARTS) this.#cache.clear();
        this.#cache.set(part, known);
      }
    }
    for (const id of known) ids.push(id);
  }

  #symbolIds(symbol: string): number[] {
    const id = this.#ids.get(symbol);
    if (id !== undefined) return [id];
    if (!this.#vocabulary.byteFallback) return [this.#vocabulary.unknownToken];
    return Array.from(new TextEncoder().encode(symbol), (byte) => this.#byteIds[byte] as number);
  }
}
