import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bf16ToF32, mapFile } from '../src/index.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'npulab-mapping-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a file beyond 2 GiB is mapped whole, though fs.readFile refuses it', () => {
  const path = join(folder, 'sparse');
  const sizeBytes = 2 ** 31 + 4096 * 1024;
  writeFileSync(path, 'begin');
  truncateSync(path, sizeBytes);
  writeSync(openSync(path, 'r+'), 'end', sizeBytes - 3);
  using file = mapFile(path);
  expect(file.sizeBytes).toBe(sizeBytes);
  expect(file.buffer.byteLength).toBe(sizeBytes);
  expect(Buffer.from(file.buffer, 0, 5).toString()).toBe('begin');
  expect(Buffer.from(file.buffer, sizeBytes - 3).toString()).toBe('end');
});

test('closing empties every view, and closing twice is fine', () => {
  const path = join(folder, 'small');
  writeFileSync(path, 'abcd');
  const file = mapFile(path);
  const view = new Uint8Array(file.buffer);
  expect([...view]).toEqual([97, 98, 99, 100]);
  file.close();
  expect(view.length).toBe(0);
  file.close();
  expect(file.sizeBytes).toBe(4);
});

test('writing to the bytes changes neither the file nor another mapping of it', () => {
  const path = join(folder, 'private');
  writeFileSync(path, 'abcd');
  using first = mapFile(path);
  new Uint8Array(first.buffer)[0] = 0x7a;
  using second = mapFile(path);
  expect(Buffer.from(second.buffer).toString()).toBe('abcd');
});

test('closing during a conversion lets the conversion finish', async () => {
  const path = join(folder, 'weights');
  const count = 1 << 20;
  writeFileSync(path, Buffer.from(new Uint16Array(count).fill(0x3f80).buffer));
  const file = mapFile(path);
  const out = new Float32Array(count);
  const call = bf16ToF32(new Uint16Array(file.buffer), out);
  file.close();
  await call;
  expect(out.every((value) => value === 1)).toBe(true);
});

test('an empty file is an empty buffer', () => {
  const path = join(folder, 'empty');
  writeFileSync(path, '');
  using file = mapFile(path);
  expect([file.sizeBytes, file.buffer.byteLength]).toEqual([0, 0]);
});

test('what is no regular file is refused with the system’s reason', () => {
  const reason = (path: string) => {
    try {
      mapFile(path).close();
    } catch (error) {
      return [(error as { code: string }).code, ((error as Error).cause as { code: string }).code];
    }
  };
  expect(reason(join(folder, 'nowhere'))).toEqual(['addon.map-failed', 'ENOENT']);
  expect(reason(folder)).toEqual(['addon.map-failed', 'EISDIR']);
  expect(reason('/dev/null')).toEqual(['addon.map-failed', 'ENODEV']);
});

test('forgotten mappings are unmapped by garbage collection', () => {
  const path = join(folder, 'forgotten');
  writeFileSync(path, 'x'.repeat(5000));
  const built = new URL('../dist/index.js', import.meta.url).href;
  const source = `
    import { readFileSync } from 'node:fs';
    import { mapFile } from '${built}';
    const count = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.endsWith('/forgotten')).length;
    (() => { for (let i = 0; i < 10; i++) mapFile(${JSON.stringify(path)}); })();
    const before = count();
    for (let i = 0; i < 50 && count() > 0; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
    console.log(before, count());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', source], {
    encoding: 'utf8',
  });
  expect(stdout.trim() + stderr).toBe('10 0');
});
