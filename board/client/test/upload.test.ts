import { createHash } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Progress } from '../src/options.js';
import { settle, until } from './fake-clock.js';
import { bodyBytesOf, connected, isSteered, wires } from './rig.js';

const content = (sizeBytes: number) =>
  Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 31 + (index >> 8)) & 255);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npulab-upload-'));
  return () => rm(folder, { recursive: true });
});

describe.each(wires)('over a %s', (kind) => {
  const chunk = Math.min(256 * 1024, bodyBytesOf(kind));

  test('a blob is cut into chunks, verified and found again', async () => {
    const { board, fake } = await connected(kind);
    const bytes = content(3 * chunk + 5);
    const receipt = await board.blobs.put(bytes);
    expect(receipt).toEqual({ id: sha256(bytes), sizeBytes: bytes.byteLength, uploadedBytes: bytes.byteLength });
    expect(fake.log.filter((line) => line === 'CALL blob.put')).toHaveLength(4);
    expect(await board.blobs.has([receipt.id, '0'.repeat(64)])).toEqual([true, false]);
    expect((await board.blobs.list()).blobs).toEqual([
      { id: receipt.id, sizeBytes: bytes.byteLength, pins: 0, pinned: false },
    ]);
    expect(bytes.byteLength).toBe(3 * chunk + 5);
  });

  test.runIf(isSteered(kind))('digests that fit no frame go ahead as a blob, which does not stay', async () => {
    const { board, fake } = await connected(kind, (board) => {
      board.hello[6] = new Map([
        [0, 98_304],
        [1, 16],
        [2, 1024],
      ]);
    });
    // 1 100 chunks of 1 KiB: 35 200 bytes of digests.
    const bytes = content(1100 * 1024);
    const receipt = await board.blobs.put(bytes);
    expect(receipt).toEqual({ id: sha256(bytes), sizeBytes: bytes.byteLength, uploadedBytes: bytes.byteLength });
    expect(fake.log.filter((line) => line === 'CALL blob.begin')).toHaveLength(2);
    expect((await board.blobs.list()).blobs.map(({ id }) => id)).toEqual([receipt.id]);
  });

  test('what the board has is not sent again', async () => {
    const { board, fake } = await connected(kind);
    const bytes = content(1000);
    await board.blobs.put(bytes);
    fake.log.length = 0;
    expect((await board.blobs.put(bytes)).uploadedBytes).toBe(0);
    expect(fake.log).toEqual(['CALL blob.has']);
  });

  // It counts what has arrived by now, which a line on real time may still change.
  test.runIf(isSteered(kind))('an interrupted upload goes on with the missing chunks', async () => {
    const { board, fake } = await connected(kind);
    const path = join(folder, 'weights');
    const bytes = content(8 * chunk);
    await writeFile(path, bytes);
    fake.held.add('blob.put');
    const control = new AbortController();
    const first = board.blobs.put({ path }, { signal: control.signal });
    await until(() => fake.log.filter((line) => line === 'CALL blob.put').length === 4);
    fake.release('blob.put');
    fake.held.add('blob.put');
    control.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    fake.held.clear();
    await settle();
    const there = fake.objects.parts.get(sha256(bytes))!.chunks.size;
    expect(there).toBeGreaterThanOrEqual(4);
    expect((await board.blobs.put({ path })).uploadedBytes).toBe((8 - there) * chunk);
    expect(fake.objects.blobs.has(sha256(bytes))).toBe(true);
  });

  test('an upload survives a cut link', async () => {
    const { board, fake, net, clock } = await connected(kind);
    const bytes = content(6 * chunk);
    fake.held.add('blob.put');
    const put = board.blobs.put(bytes);
    await until(() => fake.log.filter((line) => line === 'CALL blob.put').length === 4);
    net.cut();
    await until(() => board.state === 'suspended');
    fake.held.clear();
    clock.advance(100);
    expect((await put).id).toBe(sha256(bytes));
  });

  test('progress has stages, never more than ten states a second, and a last state', async () => {
    const { board } = await connected(kind);
    const seen: Progress[] = [];
    await board.blobs.put(content(4 * chunk), { onProgress: (state) => seen.push(state) });
    expect(seen).toEqual([
      { stage: 'hashing', doneBytes: chunk, totalBytes: 4 * chunk },
      { stage: 'hashing', doneBytes: 4 * chunk, totalBytes: 4 * chunk },
      { stage: 'uploading', doneBytes: chunk, totalBytes: 4 * chunk },
      { stage: 'uploading', doneBytes: 4 * chunk, totalBytes: 4 * chunk },
    ]);
  });

  test('a listener that throws does not end the upload', async () => {
    const { board } = await connected(kind);
    const onProgress = () => {
      throw new Error('no bar');
    };
    expect((await board.blobs.put(content(10), { onProgress })).sizeBytes).toBe(10);
  });

  test('the empty blob and long chunk lists travel too', async () => {
    const { board, fake } = await connected(kind);
    expect((await board.blobs.put(new Uint8Array(0))).id).toBe(sha256(new Uint8Array(0)));
    const path = join(folder, 'long');
    await writeFile(path, '');
    await truncate(path, 1030 * chunk);
    const control = new AbortController();
    fake.held.add('blob.put');
    const put = board.blobs.put({ path }, { signal: control.signal }).catch((error) => error.code);
    await until(() => fake.log.includes('CALL blob.put'));
    control.abort();
    expect(await put).toBe('cancelled');
    // Where the list fits no body it goes ahead as a blob, and its own list is what the board knows by then.
    const listBytes = 1030 * 32;
    const known = listBytes > bodyBytesOf(kind) ? Math.ceil(listBytes / chunk) * 32 : listBytes;
    expect([...fake.objects.parts.values()].map(({ digests }) => digests.byteLength)).toEqual([0, known]);
  });

  test('a file that is missing or changes is named', async () => {
    const { board, fake } = await connected(kind);
    const path = join(folder, 'moving');
    await expect(board.blobs.put({ path })).rejects.toMatchObject({ code: 'board.upload-source', fields: { path } });
    await expect(board.blobs.put({ path: folder })).rejects.toMatchObject({ code: 'board.upload-source' });
    await writeFile(path, content(100));
    fake.held.add('blob.begin');
    const put = board.blobs.put({ path });
    await until(() => fake.log.includes('CALL blob.begin'));
    await writeFile(path, new Uint8Array(100));
    fake.release('blob.begin');
    await expect(put).rejects.toMatchObject({ code: 'board.upload-source' });
  });
});

describe.each(wires.filter(isSteered))('models over a %s', (kind) => {
  const modelFolder = async () => {
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.model'])
      await writeFile(join(folder, name), name);
    return folder;
  };

  test('a folder becomes three blobs and a manifest with sorted keys', async () => {
    const { board, fake } = await connected(kind);
    const seen: string[] = [];
    const model = await board.models.load(await modelFolder(), { onProgress: ({ stage }) => seen.push(stage) });
    expect([...new Set(seen)]).toEqual(['hashing', 'uploading', 'loading']);
    const manifest = Buffer.from(fake.objects.blobs.get(model.manifestId)!).toString();
    const entry = (name: string) => `"${name}":{"sha256":"${sha256(Buffer.from(name))}","sizeBytes":${name.length}}`;
    expect(manifest).toBe(
      `{"files":{${entry('config.json')},${entry('model.safetensors')},${entry('tokenizer.model')}},"format":"npulab.model.v1","name":"${folder.split('/').at(-1)}"}`,
    );
    expect(model.info).toMatchObject({ name: 'tiny', layers: 8 });
    expect(model.operators).toHaveLength(3);
    const again = await board.models.load(folder);
    expect([again.manifestId, again.uploadedBytes]).toEqual([model.manifestId, 0]);
    await model.unload();
    await expect(model.session('hello')).rejects.toMatchObject({ code: 'staleHandle' });
  });

  test('a folder without its files is refused before anything is sent', async () => {
    const { board, fake } = await connected(kind);
    fake.log.length = 0;
    await expect(board.models.load(folder)).rejects.toMatchObject({
      code: 'board.model-folder',
      fields: { path: join(folder, 'config.json') },
    });
    expect(fake.log).toEqual([]);
  });

  const inference = async () => {
    const rig = await connected(kind);
    const model = await rig.board.models.load(await modelFolder());
    const run = await model.session([1, 2]);
    rig.fake.itemsSent = 0;
    return { ...rig, run };
  };

  test('a generation ends with its reason and state', async () => {
    const { run } = await inference();
    const generation = run.generate({ maxTokens: 40, temperature: 0 });
    const texts: string[] = [];
    for await (const { text, records } of generation) {
      texts.push(text);
      expect(records).toHaveLength(500);
    }
    expect(texts).toEqual(Array.from({ length: 40 }, (_, index) => `t${index} `));
    expect([generation.stopReason, run.state.position]).toEqual(['maxTokens', 40]);
  });

  test.each([false, true])('a slow reader holds the board back (items deflated: %s)', async (deflated) => {
    const { run, fake } = await inference();
    fake.deflateItems = deflated;
    const tokens = run.generate({ maxTokens: 100 })[Symbol.asyncIterator]();
    await tokens.next();
    await settle();
    expect(fake.itemsSent).toBeLessThanOrEqual(10);
    for (let index = 1; index < 100; index += 1) expect((await tokens.next()).value.token).toBe(index);
    expect((await tokens.next()).done).toBe(true);
    expect(fake.itemsSent).toBe(100);
  });

  test('a stream goes on after a cut link without a gap or a repeat', async () => {
    const { run, net, clock, board } = await inference();
    const tokens: number[] = [];
    for await (const { token } of run.generate({ maxTokens: 60 })) {
      tokens.push(token);
      if (token !== 12) continue;
      net.cut();
      await until(() => board.state === 'suspended');
      clock.advance(100);
      await until(() => board.state === 'connected');
    }
    expect(tokens).toEqual(Array.from({ length: 60 }, (_, index) => index));
  });

  test('a stream whose credit was lost with the link goes on over the next one', async () => {
    const { run, net, clock, board, fake } = await inference();
    const tokens: number[] = [];
    fake.held.add('CREDIT');
    const loop = (async () => {
      for await (const { token } of run.generate({ maxTokens: 60 })) tokens.push(token);
    })();
    // All that the board may send without credit has been read.
    await until(() => tokens.length > 0 && tokens.length === fake.itemsSent);
    await settle();
    expect(tokens.length).toBeLessThan(60);
    fake.held.delete('CREDIT');
    net.cut();
    await until(() => board.state === 'suspended');
    clock.advance(100);
    await loop;
    expect(tokens).toEqual(Array.from({ length: 60 }, (_, index) => index));
  });

  test('leaving the loop early cancels on the board', async () => {
    const { run, fake } = await inference();
    for await (const { token } of run.generate({ maxTokens: 1000 })) if (token === 2) break;
    await until(() => fake.log.includes('CANCEL'));
    expect(fake.itemsSent).toBeLessThan(20);
  });

  test('an abort ends the loop with cancelled', async () => {
    const { run, fake } = await inference();
    const control = new AbortController();
    const loop = (async () => {
      for await (const { token } of run.generate({ maxTokens: 1000, signal: control.signal }))
        if (token === 2) control.abort();
    })();
    await expect(loop).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => fake.log.includes('CANCEL'));
  });

  test('tensors are read in pieces with their own type', async () => {
    const { run, fake } = await inference();
    const tensor = await run.tensor('lm_head');
    expect(String(tensor)).toBe('TensorHandle(lm_head, f32 300×500, on the board)');
    fake.log.length = 0;
    const data = await tensor.read({ offset: 10 });
    expect(data).toBeInstanceOf(Float32Array);
    expect([data.length, data[0], data.at(-1)]).toEqual([149_990, 10, 149_999]);
    expect(fake.log).toHaveLength(Math.ceil((149_990 * 4) / Math.min(768 * 1024, bodyBytesOf(kind))));
    await expect(tensor.read({ offset: 150_001 })).rejects.toMatchObject({ code: 'board.bad-argument' });
  });

  test('steps bring records and state; unknown operators are refused here', async () => {
    const { run, fake } = await inference();
    const { records, state } = await run.step({ until: { operator: 'op' } });
    expect(records).toEqual([
      expect.objectContaining({ operator: 'op', layer: null, runsOn: 'cpu', modelledUs: 0, startTicks: 0 }),
    ]);
    expect(state).toBe(run.state);
    fake.log.length = 0;
    await expect(run.step({ until: { operator: 'nowhere' } })).rejects.toMatchObject({ code: 'board.bad-argument' });
    expect(fake.log).toEqual([]);
  });
});
