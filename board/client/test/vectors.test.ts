import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeCbor, encodeCbor, Float, type Wire, type WireMap } from '../src/frame/cbor.js';
import { framePieces, parseFrame } from '../src/frame/frame.js';
import { type FrameType, frameType } from '../src/frame/header.js';
import { readLeaseState } from '../src/handles/lease.js';
import { deflated, inflated } from '../src/link/deflate.js';
import { Deframer } from '../src/link/deframer.js';
import { methodOf, topic } from '../src/messages/methods.js';
import { Reader } from '../src/messages/reader.js';
import {
  readBoardInfo,
  readDevices,
  readInferenceState,
  readJobReport,
  readModelInfo,
  readOperators,
  readStopReason,
  readSummary,
  readTensorInfo,
} from '../src/messages/results.js';
import {
  byeMeta,
  callMeta,
  cancelMeta,
  creditMeta,
  helloMeta,
  pingMeta,
  readBye,
  readEnd,
  readEvent,
  readFail,
  readHello,
  readInflatedBytes,
  readInflatedItem,
  readItem,
  readPong,
  readReply,
} from '../src/messages/session.js';
import { readTraceRecords } from '../src/messages/trace.js';

interface Vector {
  name: string;
  hex: string;
  frame: { type: string; method: number; callId: number; flags: number };
  meta: unknown;
  bodyHex: string;
}

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../link/vectors/v1.json', import.meta.url), 'utf8'));
const vector = (name: string) => {
  const found = vectors.find((one) => one.name === name);
  if (!found) throw new Error(`no vector ${name}`);
  return { ...found, parsed: parseFrame(fromHex(found.hex)) };
};
const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString('hex');

/** JSON notation of the vectors → a value to encode. */
function value(json: unknown): Wire {
  if (Array.isArray(json)) {
    const isMap = json.every(
      (one) => Array.isArray(one) && one.length === 2 && ['number', 'string'].includes(typeof one[0]),
    );
    return isMap ? new Map(json.map(([key, inner]) => [key, value(inner)])) : json.map(value);
  }
  if (typeof json !== 'object' || json === null) return json as Wire;
  if ('bytes' in json) return fromHex(json.bytes as string);
  return new Float(Number((json as { float: number | string }).float));
}

describe.each(vectors)('vector $name', (one) => {
  test('is taken apart as written', () => {
    const frame = parseFrame(fromHex(one.hex));
    expect({ ...frame, meta: null, body: hex(frame.body) }).toEqual({
      type: frameType[one.frame.type.toLowerCase() as keyof typeof frameType],
      flags: one.frame.flags,
      method: one.frame.method,
      call: one.frame.callId,
      meta: null,
      body: one.bodyHex,
    });
  });

  test('is put together byte for byte from its notation', () => {
    const body = one.bodyHex ? fromHex(one.bodyHex) : null;
    const pieces = framePieces(
      {
        type: frameType[one.frame.type.toLowerCase() as keyof typeof frameType] as FrameType,
        flags: one.frame.flags,
        method: one.frame.method,
        call: one.frame.callId,
        meta: encodeCbor(value(one.meta)),
        body,
      },
      0,
    );
    expect(pieces.map(hex).join('')).toBe(one.hex);
  });

  test('comes out of a stream that arrives byte by byte', () => {
    const frames: string[] = [];
    const deframer = new Deframer((frame) => frames.push(hex(frame.meta) + hex(frame.body)));
    const bytes = fromHex(one.hex);
    const stream = new Uint8Array(4 + bytes.byteLength);
    new DataView(stream.buffer).setUint32(0, bytes.byteLength, true);
    stream.set(bytes, 4);
    for (const byte of stream) deframer.push(Uint8Array.of(byte));
    expect(frames).toEqual([hex(parseFrame(bytes).meta) + one.bodyHex]);
  });

  test('names a method, a topic or nothing', () => {
    const { type, method } = one.frame;
    if (['CALL', 'REPLY', 'ITEM', 'END'].includes(type)) expect(methodOf(method)?.number).toBe(method);
    else if (type === 'EVENT') expect(Object.values(topic)).toContain(method);
    else if (!['FAIL', 'CANCEL', 'CREDIT'].includes(type)) expect(method).toBe(0);
  });
});

describe('what this side says', () => {
  const meta = (name: string) => hex(vector(name).parsed.meta);

  test('HELLO, new and resuming', () => {
    expect(hex(helloMeta('@npulab/board 0.1.0', 1795000000000000, null, []))).toBe(meta('hello-host'));
    expect(hex(helloMeta('@npulab/board 0.1.0', 1795000000000000, null, ['body.deflate']))).toBe(
      meta('hello-host that inflates'),
    );
    const token = new Uint8Array(16).fill(0xa5);
    expect(
      hex(
        helloMeta(
          '@npulab/board 0.1.0',
          0,
          { token, streams: [{ call: 24, nextItem: 1000, unusedBytes: 70_000 }] },
          [],
        ),
      ),
    ).toBe(meta('hello-host that resumes with items not used up'));
  });

  test('CALL with and without a deadline', () => {
    expect(hex(callMeta(encodeCbor(new Map()), null))).toBe(meta('sys.info call'));
    expect(hex(callMeta(encodeCbor(new Map()), 5000))).toBe(meta('sys.devices call'));
  });

  test('CANCEL, CREDIT, PING and BYE', () => {
    expect(hex(cancelMeta())).toBe(meta('cancel'));
    expect(hex(creditMeta(65536))).toBe(meta('credit'));
    expect(hex(pingMeta(1795000000000000))).toBe(meta('ping'));
    expect(hex(byeMeta('closed'))).toBe(meta('bye'));
  });
});

describe('what this side understands', () => {
  const meta = (name: string) => vector(name).parsed.meta;
  const result = (name: string) => readReply(meta(name));
  const fields = (name: string, key?: number) => {
    const reader = new Reader(result(name), name);
    return key === undefined ? reader : reader.inner(key);
  };

  test('HELLO of the board', () => {
    const hello = readHello(meta('hello-board'));
    expect({ ...hello, bootId: hex(hello.bootId), token: hex(hello.token) }).toEqual({
      protocolMin: 1,
      protocolCurrent: 1,
      agentBuild: 'npulabd 0.1.0 x86_64-linux cpu',
      bootId: '0102030405060708',
      token: '5a'.repeat(16),
      resumed: false,
      maxFrameBytes: 1048576,
      maxInflight: 16,
      maxBodyBytes: 982976,
      clockHz: 1000000000,
      capabilities: ['blob.resume', 'model.step'],
      graceMs: 30000,
      readOnly: false,
    });
  });

  test('HELLO under a key that only reads', () => {
    const hello = readHello(meta('hello-board on a serial line with a key that reads'));
    expect(hello).toMatchObject({ readOnly: true, maxBodyBytes: 16_384 });
  });

  test('leases', () => {
    expect(readLeaseState(result('lease.state reply'))).toEqual({
      mine: false,
      holder: 'ann@desk, 03-link.ipynb',
      why: 'measuring',
      heldMs: 1234,
      expiresMs: 28_766,
      waiting: 2,
      place: null,
    });
    expect(readLeaseState(result('lease.state reply of a session that waits')).place).toBe(2);
    expect(readLeaseState(result('lease.state reply of a free board')).holder).toBeNull();
    const queued = vector('event queue').parsed;
    expect(queued.method).toBe(topic.queue);
    expect(readLeaseState(readEvent(queued.meta).payload)).toMatchObject({ holder: 'ann@desk', waiting: 2, place: 2 });
    expect(readFail(meta('fail of a lease that is held'), 'lease.acquire')).toMatchObject({
      code: 'leaseHeld',
      fields: { holder: 'ann@desk' },
    });
  });

  test('compressed bodies, and none that lies about its size', () => {
    const { parsed } = vector('mem.read reply with a compressed body');
    const sizeBytes = readInflatedBytes(parsed.meta);
    expect(sizeBytes).toBe(1000);
    const whole = inflated(parsed.body!, sizeBytes);
    expect(whole).toHaveLength(1000);
    for (const wrong of [0, 999, 1001, 2 ** 40]) expect(() => inflated(parsed.body!, wrong)).toThrow('inflate');
    expect(inflated(deflated(whole)!, 1000)).toEqual(whole);
    const item = vector('infer.generate item with a compressed body').parsed;
    const plain = vector('infer.generate item').parsed;
    const told = readInflatedItem(item.meta);
    expect(told.sizeBytes).toBe(1000);
    expect(inflated(item.body!, 1000)).toEqual(whole);
    // Index and payload alone, as they stand in the other one.
    expect(item.meta.byteLength - told.addedBytes).toBe(plain.meta.byteLength);
    const noise = createHash('shake256', { outputLength: 4096 }).digest();
    expect(deflated(noise)).toBeNull();
  });

  test('facts and devices', () => {
    const added = { clockHz: 1, capabilities: [], clientVersion: '0', url: 'cpu', bootId: '00' };
    const info = readBoardInfo(result('sys.info reply'), added);
    expect(info).toMatchObject({
      soc: 'rk3568',
      backend: 'sim:rk3568',
      modelled: true,
      ddrClockHz: 1560000000,
      kernelIsa: 'avx2',
    });
    expect(info.parameters).toEqual([{ name: 'task_overhead_ns', value: 2500, unit: 'ns', source: 'unfitted' }]);
    expect(readDevices(result('sys.devices reply'))).toEqual([
      { name: 'npu0', type: 'npu', irq: 151 },
      { name: 'eth0', type: 'network', irq: null },
    ]);
  });

  test('job reports with and without modelled time', () => {
    const modelled = readJobReport(result('task.wait reply, modelled'), 1e9);
    expect(modelled).toMatchObject({
      modelledUs: 100.5,
      startTicks: 1000000,
      endTicks: 1100500,
      elapsedUs: 100.5,
      hardwareStarts: 1,
    });
    expect(modelled.operations[0]).toMatchObject({
      tasks: 8,
      macs: 16777216,
      modelledUs: 80.5,
      weightReadBytes: 4194304,
    });
    const plain = readJobReport(result('task.wait reply, nothing modelled'), 1e9);
    expect([plain.modelledUs, plain.operations[0]?.modelledUs]).toEqual([null, null]);
  });

  test('summaries, models and operators', () => {
    const summary = readSummary(fields('mem.summary reply'));
    expect(summary).toMatchObject({ min: -1.5, max: 100000, mean: 0.1, standardDeviation: Number.NaN, nanCount: 1 });
    expect(summary.histogram).toHaveLength(32);
    expect(readModelInfo(fields('model.load reply', 1))).toMatchObject({
      name: 'tiny',
      layers: 4,
      kvHeads: 2,
      bytesPerToken: 5000000000,
    });
    const operators = readOperators(readItem(meta('model.operators item')).payload);
    expect(operators[0]).toEqual({
      name: 'embed_tokens',
      layer: null,
      kind: 'embedding',
      runsOn: 'cpu',
      inner: 1,
      outer: 64,
    });
  });

  test('inference states, stop reasons, tensors', () => {
    expect(readInferenceState(fields('infer.open reply', 1))).toEqual({
      position: 0,
      nextOperator: 0,
      lastToken: null,
      tokens: [1, 15],
    });
    expect(readStopReason(fields('infer.generate reply'), 1)).toBe('stopToken');
    expect(readTensorInfo(fields('infer.tensor reply'))).toEqual({ name: 'lm_head', dtype: 'f32', shape: [2, 512] });
    expect(readTensorInfo(fields('infer.summary reply', 0)).name).toBe('lm_head');
  });

  test('trace records', () => {
    const operator = { name: 'x', layer: 3, kind: 'matmul', runsOn: 'npu' as const, inner: 1, outer: 1 };
    const operators = Array.from({ length: 4096 }, () => operator);
    for (const name of ['infer.step reply', 'infer.generate item']) {
      const { body } = vector(name).parsed;
      const records = readTraceRecords(body, operators);
      expect(records).toHaveLength(body!.byteLength / 72);
      const view = new DataView(body!.buffer);
      expect(records[0]).toMatchObject({
        operator: 'x',
        layer: 3,
        position: view.getUint32(4, true),
        rows: view.getUint32(8, true),
        runsOn: view.getUint32(12, true) === 1 ? 'npu' : 'cpu',
        startTicks: Number(view.getBigUint64(16, true)),
        macs: Number(view.getBigUint64(64, true)),
      });
    }
  });

  test('failures with their fields and remedy', () => {
    const error = readFail(meta('fail'), 'mem.read');
    expect(error).toMatchObject({
      code: 'staleHandle',
      message: 'mem.read: slot 0 was given to generation 2',
      remedy: 'allocate the buffer again',
      fields: { method: 'mem.read', id: 'x', handle: 7 },
    });
  });

  test('items, ends, events, PONG and BYE', () => {
    expect(readItem(meta('model.load item'))).toEqual({
      index: 0,
      payload: new Map([
        [0, 1000],
        [1, 4000],
      ]) as WireMap,
    });
    expect(readEnd(meta('infer.generate end'))).toBe(1);
    expect(readEvent(meta('event deviceState'))).toEqual({ sequence: 1, lost: 2, payload: new Map([[0, 'stuck']]) });
    expect(readPong(meta('pong'))).toEqual({
      hostMicros: 1795000000000000,
      receivedTicks: 123456789,
      sentTicks: 123460000,
    });
    expect(readBye(meta('bye'))).toEqual({ reason: 'closed', code: null, remedy: null });
    expect(readBye(meta('bye that refuses'))).toEqual({
      reason: 'this board serves only who shows its key',
      code: 'denied',
      remedy: 'Give the key.',
    });
    expect(decodeCbor(meta('cancel'))).toEqual(new Map());
  });
});
