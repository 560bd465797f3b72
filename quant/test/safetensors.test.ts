import { describe, expect, it } from 'vitest';
import { parseSafetensors } from '../src/files/safetensors.js';
import { safetensorsChunks } from '../src/files/safetensors-writer.js';
import { QUANT_ERRORS } from '../src/index.js';
import { errorOf } from './random-model.js';

function file(header: string, data: number, headerBytes = BigInt(Buffer.byteLength(header))): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, headerBytes, true);
  return Buffer.concat([head, Buffer.from(header), new Uint8Array(data)]);
}

const a = (begin: number, end: number, shape = '[2]', dtype = '"F32"'): string =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":[${begin},${end}]}`;

const damaged: [what: string, bytes: Uint8Array, message: string][] = [
  ['a file of seven bytes', new Uint8Array(7), '7 bytes; the header length alone takes 8'],
  ['a header longer than the file', file('{}', 0, 3n), 'header of 3 bytes in a file of 10'],
  [
    'a header longer than a hundred million bytes',
    file('{}', 0, 100_000_001n),
    'header of 100000001 bytes; at most 100000000 are accepted',
  ],
  [
    'a header length beyond 2^53',
    file('{}', 0, 2n ** 63n),
    'header of 9223372036854775808 bytes; at most 100000000 are accepted',
  ],
  ['a header that is no object', file('[]', 0), 'the header does not begin with {'],
  ['an empty header', file('', 0), 'the header does not begin with {'],
  ['a header that ends too early', file('{"a":', 0), 'the header is not JSON in UTF-8'],
  ['a tensor named twice', file(`{"a":${a(0, 8)},"a":${a(8, 16)}}`, 16), 'the header names "a" twice'],
  [
    'a tensor named twice with escapes',
    file(`{"a":${a(0, 8)},"\\u0061":${a(8, 16)}}`, 16),
    'the header names "a" twice',
  ],
  [
    'a field named twice',
    file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
    'the header names "dtype" twice',
  ],
  ['an entry that is a number', file('{"a":1}', 0), 'entry "a" is not an object'],
  ['metadata that is no string', file('{"__metadata__":{"x":1}}', 0), '__metadata__ "x" is not a string'],
  ['an unknown dtype', file(`{"a":${a(0, 8, '[2]', '"F33"')}}`, 8), 'tensor "a" has dtype "F33"'],
  [
    'a dtype that is a property of every object',
    file(`{"a":${a(0, 8, '[2]', '"toString"')}}`, 8),
    'tensor "a" has dtype "toString"',
  ],
  ['no dtype', file('{"a":{"shape":[2],"data_offsets":[0,8]}}', 8), 'tensor "a" has dtype none'],
  ['a negative dimension', file(`{"a":${a(0, 8, '[-2]')}}`, 8), 'tensor "a" has shape [-2]'],
  ['a dimension that is no integer', file(`{"a":${a(0, 8, '[1.5]')}}`, 8), 'tensor "a" has shape [1.5]'],
  ['a shape that is a string', file(`{"a":${a(0, 8, '"2"')}}`, 8), 'tensor "a" has shape "2"'],
  [
    'three offsets',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1),
    'tensor "a" has data_offsets [0,1,2]',
  ],
  ['offsets the wrong way round', file(`{"a":${a(8, 0)}}`, 8), 'tensor "a" lies at 8 to 0 of 8 bytes'],
  ['a tensor beyond the end (a truncated file)', file(`{"a":${a(0, 8)}}`, 7), 'tensor "a" lies at 0 to 8 of 7 bytes'],
  [
    'a size that is not shape × dtype',
    file(`{"a":${a(0, 8, '[3]')}}`, 8),
    'tensor "a" (F32, [3]) needs 12 bytes and has 8',
  ],
  [
    'a shape whose product overflows',
    file(`{"a":${a(0, 8, '[4294967296,4294967296]')}}`, 8),
    'tensor "a" (F32, [4294967296, 4294967296]) needs 73786976294838210000 bytes and has 8',
  ],
  ['a hole before the first tensor', file(`{"a":${a(4, 12)}}`, 12), '4 bytes before tensor "a" belong to no tensor'],
  [
    'a hole between tensors',
    file(`{"a":${a(0, 8)},"b":${a(12, 20)}}`, 20),
    '4 bytes before tensor "b" belong to no tensor',
  ],
  [
    'overlapping tensors',
    file(`{"a":${a(0, 8)},"b":${a(4, 12)}}`, 12),
    'tensor "b" overlaps the one before it by 4 bytes',
  ],
  ['bytes behind the last tensor', file(`{"a":${a(0, 8)}}`, 9), '1 bytes at the end belong to no tensor'],
];

describe('a damaged safetensors file is refused, naming the damage', () => {
  it.each(damaged)('%s', async (_, bytes, message) => {
    const error = await errorOf(() => parseSafetensors(bytes));
    expect([error.code, error.message, error.remedy]).toEqual([
      'model.damaged-safetensors',
      `model.safetensors: ${message}`,
      QUANT_ERRORS['model.damaged-safetensors'],
    ]);
  });
});

describe('a sound safetensors file', () => {
  it('is read back as it was written, whatever the order of writing, with equal bytes', () => {
    const x = { name: 'x', dtype: 'BF16', shape: [3], bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    const y = { name: 'y', dtype: 'F32', shape: [1, 1], bytes: Uint8Array.of(7, 8, 9, 10) };
    const z = { name: 'z', dtype: 'I8', shape: [0], bytes: new Uint8Array(0) };
    const one = Buffer.concat(safetensorsChunks([x, y, z], { b: '2', a: '1' }));
    const two = Buffer.concat(safetensorsChunks([z, y, x], { a: '1', b: '2' }));
    expect(Buffer.compare(one, two)).toBe(0);
    const read = parseSafetensors(one);
    expect([...read.tensors.keys()]).toEqual(['y', 'x', 'z']);
    expect(read.tensors.get('x')).toMatchObject({ dtype: 'BF16', shape: [3] });
    expect([...(read.tensors.get('x')?.bytes ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Object.fromEntries(read.metadata)).toEqual({ a: '1', b: '2' });
  });

  it('may have its tensors at any byte and its header padded with blanks', () => {
    const bytes = Buffer.concat([
      new Uint8Array(3),
      file(`{"a":${a(1, 9)},"b":${a(0, 1, '[1]', '"U8"')}}   `, 9),
    ]).subarray(3);
    bytes.set([0, 0, 128, 63], bytes.length - 8);
    const tensor = parseSafetensors(bytes).tensors.get('a');
    expect([...(tensor?.bytes ?? [])]).toEqual([0, 0, 128, 63, 0, 0, 0, 0]);
  });

  it('may repeat a key in different objects and hold brackets in names', () => {
    const header = `{"a}{[\\"":${a(0, 8)},"dtype":${a(8, 16)}}`;
    expect([...parseSafetensors(file(header, 16)).tensors.keys()]).toEqual(['a}{["', 'dtype']);
  });
});
