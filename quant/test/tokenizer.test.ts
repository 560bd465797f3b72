import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { QUANT_ERRORS, Tokenizer } from '../src/index.js';
import { bpeMerge } from '../src/tokenizer/bpe.js';
import { ProtobufWriter } from '../src/tokenizer/protobuf.js';
import { parseSentencePiece, writeSentencePiece } from '../src/tokenizer/vocabulary.js';
import { errorOf, smallVocabulary } from './random-model.js';
import { shared } from './shared-data.js';

const small = new Tokenizer(smallVocabulary());
const pieces = (text: string): string[] => Array.from(small.encode(text), (id) => small.piece(id));

describe('the tokenizer', () => {
  it('merges the best score first and puts a blank before the text', () => {
    expect(pieces('the an then')).toEqual(['▁the', '▁an', '▁the', 'n']);
  });

  it('has no tokens for an empty text, and BOS alone where asked', () => {
    expect([...small.encode('')]).toEqual([]);
    expect([...small.encode('', { bos: true })]).toEqual([1]);
  });

  it('never makes control tokens of text', () => {
    expect(pieces('<s>').includes('<s>')).toBe(false);
    expect(small.decode(small.encode('<s></s>'))).toBe('<s></s>');
  });

  it('falls back to bytes outside the vocabulary', () => {
    expect(pieces('é')).toEqual(['▁', '<0xC3>', '<0xA9>']);
    expect(pieces('🦙')).toEqual(['▁', '<0xF0>', '<0x9F>', '<0xA6>', '<0x99>']);
  });

  it('gives a split character with its last byte when decoding token by token', () => {
    const stream = small.decoder();
    expect(Array.from(small.encode('é🦙'), (id) => stream.push(id))).toEqual([' ', '', 'é', '', '', '', '🦙']);
    expect(stream.end()).toBe('');
    expect(stream.push(small.encode('é')[1] as number) + stream.end()).toBe('\uFFFD');
  });

  it.each([
    'a',
    ' a',
    '  a  b ',
    'tabs\tand\nlines\r\n',
    '👩‍👩‍👧‍👦 family',
    '日本語テキスト',
    '\u2028',
    'naïve café',
    'a'.repeat(500),
  ])('decodes %j to what was encoded', (text) => expect(small.decode(small.encode(text))).toBe(text));

  it('reads a lone surrogate as U+FFFD', () => {
    expect(small.decode(small.encode('a\uD800b'))).toBe('a\uFFFDb');
  });

  it('cuts a long text in the same ids when it gives way to other work', async () => {
    const text = 'then an hour on the train in the rain, '.repeat(200);
    expect(await small.encodeLong(text, { bos: true })).toEqual(small.encode(text, { bos: true }));
  });

  it('stops a long text when cancelled', async () => {
    const signal = AbortSignal.abort('enough');
    const words = Array.from({ length: 60_000 }, (_, i) => `w${i}`).join(' ');
    const error = await errorOf(() => small.encodeLong(words, { signal }));
    expect([error.code, error.cause]).toEqual(['quant.cancelled', 'enough']);
  });

  it('refuses to decode an id outside the vocabulary', async () => {
    expect((await errorOf(() => small.decode([300]))).message).toBe('token 300; the vocabulary has 300');
  });

  it('is the same after being written and read', () => {
    const again = Tokenizer.fromSentencePiece(writeSentencePiece(smallVocabulary()));
    expect(again.encode('the rain, é')).toEqual(small.encode('the rain, é'));
    expect(parseSentencePiece(again.toSentencePiece())).toEqual({
      ...smallVocabulary(),
      pieces: smallVocabulary().pieces.map((piece) => ({ ...piece, score: Math.fround(piece.score) })),
    });
  });
});

describe('merging', () => {
  it('takes the leftmost of equal scores', () => {
    expect(bpeMerge('aaa', (text) => ({ aa: 1 })[text])).toEqual(['aa', 'a']);
  });

  it('equals the quadratic definition on random texts', () => {
    const scores: Record<string, number> = { ab: 3, ba: 3, aab: 2, bb: 1, abba: 5, cc: 4, ccc: 4, abc: 0, bab: -1 };
    for (let seed = 0; seed < 300; seed++) {
      const text = Array.from(
        { length: 1 + (seed % 17) },
        (_, i) => 'abc'[(seed * 7 + i * i * (seed % 5) + i) % 3],
      ).join('');
      const symbols = [...text];
      for (;;) {
        let best = -1;
        let bestScore = Number.NEGATIVE_INFINITY;
        for (let i = 0; i + 1 < symbols.length; i++) {
          const score = scores[`${symbols[i]}${symbols[i + 1]}`];
          if (score !== undefined && score > bestScore) [best, bestScore] = [i, score];
        }
        if (best < 0) break;
        symbols.splice(best, 2, `${symbols[best]}${symbols[best + 1]}`);
      }
      expect(bpeMerge(text, (piece) => scores[piece])).toEqual(symbols);
    }
  });
});

const damagedModel: [string, Uint8Array, string, string][] = [
  ['nothing', new Uint8Array(0), 'model.unsupported', 'tokenizer: model type 1; only BPE (2) is known'],
  [
    'a truncated piece',
    Uint8Array.of(0x0a, 0x7f, 0x0a),
    'model.damaged-tokenizer',
    'tokenizer: a field of 127 bytes, 1 are left',
  ],
  [
    'an endless number',
    new Uint8Array(11).fill(0xff),
    'model.damaged-tokenizer',
    'tokenizer: a number is longer than ten bytes',
  ],
  ['a group', Uint8Array.of(0x0b), 'model.damaged-tokenizer', 'tokenizer: wire type 3'],
  [
    'a piece that is not UTF-8',
    new ProtobufWriter().data(1, new ProtobufWriter().data(1, Uint8Array.of(0xff)).finish()).finish(),
    'model.damaged-tokenizer',
    'tokenizer: a piece is not UTF-8',
  ],
  [
    'no pieces',
    new ProtobufWriter()
      .data(2, new ProtobufWriter().varint(3, 2).finish())
      .data(3, new ProtobufWriter().varint(4, 0).finish())
      .finish(),
    'model.damaged-tokenizer',
    'tokenizer: no pieces',
  ],
  [
    'a unigram model',
    new ProtobufWriter().data(2, new ProtobufWriter().varint(3, 1).finish()).finish(),
    'model.unsupported',
    'tokenizer: model type 1; only BPE (2) is known',
  ],
];

describe('a damaged or foreign tokenizer.model is refused', () => {
  it.each(damagedModel)('%s', async (_, bytes, code, message) => {
    const error = await errorOf(() => Tokenizer.fromSentencePiece(bytes));
    expect([error.code, error.message, error.remedy]).toEqual([
      code,
      message,
      QUANT_ERRORS[code as keyof typeof QUANT_ERRORS],
    ]);
  });
});

const llama = shared('tokenizer.model');

describe.skipIf(!llama.present)('the Llama 1/2 vocabulary (skipped where shared/data is absent)', () => {
  it('gives the ids known from the reference implementation', () => {
    const tokenizer = Tokenizer.fromSentencePiece(readFileSync(llama.path));
    expect(tokenizer.size).toBe(32000);
    expect([...tokenizer.encode('Hello world', { bos: true })]).toEqual([1, 15043, 3186]);
    expect([...tokenizer.encode(' Hello')]).toEqual([29871, 15043]);
    expect([...tokenizer.encode('\n')]).toEqual([29871, 13]);
    expect([...tokenizer.encode('🦙')]).toEqual([29871, 243, 162, 169, 156]);
  });

  it('cuts at blanks exactly as merging the whole text would', () => {
    const { pieces: all } = parseSentencePiece(readFileSync(llama.path));
    expect(all.filter((piece) => /[^▁]▁/.test(piece.text))).toEqual([]);
  });
});

const vectors = fileURLToPath(new URL('../../board/crates/tinyllama/testdata/tokenizer-vectors.json', import.meta.url));

describe.skipIf(!existsSync(vectors) || !llama.present)(
  'the vectors shared with the board (skipped where absent)',
  () => {
    it('give equal ids and texts on both sides', () => {
      const tokenizer = Tokenizer.fromSentencePiece(readFileSync(llama.path));
      const cases = JSON.parse(readFileSync(vectors, 'utf8')) as { text: string; ids: number[] }[];
      expect(cases.length).toBeGreaterThan(0);
      for (const { text, ids } of cases) expect([text, [...tokenizer.encode(text)]]).toEqual([text, ids]);
    });
  },
);
