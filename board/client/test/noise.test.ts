/** The handshake against the Noise project's vector, our records against the shared ones, keys and their files. */
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readKey } from '../src/secure/key-file.js';
import { frameCipher } from '../src/secure/line.js';
import { NoiseHandshake } from '../src/secure/noise.js';
import { preface } from '../src/secure/preface.js';
import { secured } from '../src/secure/stream.js';
import { memoryPipe } from '../src/transport/memory.js';

const { cacophony, link } = JSON.parse(readFileSync(new URL('../../link/vectors/noise.json', import.meta.url), 'utf8'));
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

test('all six messages and the hash of the published vector come out', () => {
  const [prologue, psk] = [bytes(cacophony.prologue), bytes(cacophony.psk)];
  const host = new NoiseHandshake(true, psk, prologue, bytes(cacophony.initEphemeral));
  const board = new NoiseHandshake(false, psk, prologue, bytes(cacophony.respEphemeral));
  const [first, second, ...rest] = cacophony.messages.map(
    (message: { payload: string; ciphertext: string }) => message,
  );
  expect(hex(host.write(bytes(first.payload)))).toBe(first.ciphertext);
  expect(hex(board.read(bytes(first.ciphertext)))).toBe(first.payload);
  expect(hex(board.write(bytes(second.payload)))).toBe(second.ciphertext);
  expect(hex(host.read(bytes(second.ciphertext)))).toBe(second.payload);
  expect(hex(host.hash)).toBe(cacophony.handshakeHash);
  const [ours, theirs] = [host.split(), board.split()];
  for (const [index, { payload, ciphertext }] of rest.entries()) {
    const nonce = BigInt(index >> 1);
    const [from, to] = index % 2 === 0 ? [ours.send, theirs.receive] : [theirs.send, ours.receive];
    expect(hex(from.seal(nonce, [bytes(payload)]))).toBe(ciphertext);
    expect(hex(to.open(nonce, bytes(ciphertext)))).toBe(payload);
  }
});

test('our handshake and the records of both channels are those of the other codec', () => {
  const key = bytes(link.keyHex);
  expect(hex(preface(key))).toBe(link.prefaceHex);
  const host = new NoiseHandshake(true, key, preface(key), bytes(link.hostEphemeralHex));
  const board = new NoiseHandshake(false, key, preface(key), bytes(link.boardEphemeralHex));
  expect(hex(host.write(new Uint8Array(0)))).toBe(link.firstHex);
  board.read(bytes(link.firstHex));
  expect(hex(board.write(new Uint8Array(0)))).toBe(link.secondHex);
  host.read(bytes(link.secondHex));
  const ciphers = { host: frameCipher(host.split()), board: frameCipher(board.split()) };
  for (const { from, channel, plainHex, recordHex } of link.records as {
    from: 'host' | 'board';
    channel: 0 | 1;
    plainHex: string;
    recordHex: string;
  }[]) {
    expect(hex(ciphers[from].seal(channel, [bytes(plainHex)]))).toBe(recordHex);
    expect(hex(ciphers[from === 'host' ? 'board' : 'host'].open(channel, bytes(recordHex)))).toBe(plainHex);
  }
});

test('a record that is changed, repeated or of another key is refused', () => {
  const key = new Uint8Array(32).fill(5);
  const pair = () => {
    const host = new NoiseHandshake(true, key, preface(key));
    const board = new NoiseHandshake(false, key, preface(key));
    board.read(host.write(new Uint8Array(0)));
    host.read(board.write(new Uint8Array(0)));
    return { host: frameCipher(host.split()), board: frameCipher(board.split()) };
  };
  const { host, board } = pair();
  const record = host.seal(0, [Uint8Array.of(1, 2, 3)]);
  for (let at = 0; at < record.byteLength; at += 1) {
    const changed = record.slice();
    changed[at]! ^= 1;
    expect(() => pair().board.open(0, changed)).toThrow('The board sent a record that is damaged');
  }
  expect([...board.open(0, record)]).toEqual([1, 2, 3]);
  expect(() => board.open(0, record)).toThrow('repeated');
  const stranger = new NoiseHandshake(false, new Uint8Array(32).fill(6), preface(key));
  expect(() => stranger.read(new NoiseHandshake(true, key, preface(key)).write(new Uint8Array(0)))).toThrow(
    'another key',
  );
});

describe('a secured stream', () => {
  const key = new Uint8Array(32).fill(9);

  /** A board that takes the handshake with `own` key and echoes what it is sent. */
  const dial = (own: Uint8Array) => async () => {
    const { ends } = memoryPipe();
    const board = new NoiseHandshake(false, own, preface(key));
    let ciphers: ReturnType<NoiseHandshake['split']> | null = null;
    let pending = Buffer.alloc(0);
    let [sent, received] = [0n, 0n];
    let skip = 8;
    const record = (data: Uint8Array) => {
      const head = Buffer.alloc(4);
      head.writeUInt32LE(data.byteLength);
      ends[1].write([head, data]);
    };
    ends[1].start({
      onData: (chunk) => {
        pending = Buffer.concat([pending, chunk]);
        if (skip > 0 && pending.byteLength >= skip) {
          pending = pending.subarray(skip);
          skip = 0;
        }
        while (skip === 0 && pending.byteLength >= 4 && pending.byteLength >= 4 + pending.readUInt32LE()) {
          const end = 4 + pending.readUInt32LE();
          const data = pending.subarray(4, end);
          pending = pending.subarray(end);
          try {
            if (ciphers) record(ciphers.send.seal(sent++, [ciphers.receive.open(received++, data)]));
            else {
              board.read(data);
              record(board.write(new Uint8Array(0)));
              ciphers = board.split();
            }
          } catch {
            ends[1].destroy();
          }
        }
      },
      onDrain: () => undefined,
      onClose: () => undefined,
    });
    return ends[0];
  };

  test('carries what is longer than a record, both ways', async () => {
    const stream = await secured(dial(key), key, 'board')(new AbortController().signal);
    const data = Uint8Array.from({ length: 200_000 }, (_, index) => index * 13);
    const back = await new Promise<Uint8Array>((resolve) => {
      const chunks: Uint8Array[] = [];
      stream.start({
        onData: (chunk) => {
          chunks.push(chunk.slice());
          if (chunks.reduce((sum, { byteLength }) => sum + byteLength, 0) === data.byteLength)
            resolve(Buffer.concat(chunks));
        },
        onDrain: () => undefined,
        onClose: () => undefined,
      });
      stream.write([data.subarray(0, 7), data.subarray(7)]);
    });
    expect(Buffer.compare(back, data)).toBe(0);
  });

  test('does not come about with a board of another key', async () => {
    const attempt = secured(dial(new Uint8Array(32)), key, 'lab1')(new AbortController().signal);
    await expect(attempt).rejects.toMatchObject({ code: 'board.key-refused', fields: { name: 'lab1' } });
  });
});

describe('a key file', () => {
  const file = (text: string, mode: number) => {
    const path = join(mkdtempSync(join(tmpdir(), 'npulab-key-')), 'key');
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const code = (path: string) => {
    try {
      return hex(readKey(path));
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('is read where only its owner may read it', () => {
    expect(code(file(`${'ab'.repeat(32)}\n`, 0o600))).toBe('ab'.repeat(32));
    expect(code(file('ab'.repeat(32), 0o400))).toBe('ab'.repeat(32));
  });
  test.each([0o640, 0o604, 0o660, 0o610])('is refused with mode %o', (mode) => {
    expect(code(file('ab'.repeat(32), mode))).toBe('board.key-exposed');
  });
  test('is refused where it holds something else, and named where it is missing', () => {
    expect(code(file('secret', 0o600))).toBe('board.key-damaged');
    expect(code('/nowhere/key')).toBe('board.key-missing');
  });
});
