/** When a session takes files for more cells: behind a cell, not before the one that needs them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Lab, startLab } from './harness.js';

let home: string;
let lab: Lab;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'npulab-room-'));
  vi.stubEnv('XDG_RUNTIME_DIR', home); // where the checker's files are
  lab = startLab();
});
afterEach(async () => {
  await lab.close();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const cellFiles = (): number =>
  readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((path) => /__npulab_cell_\d+\.ts$/.test(path)).length;

test('a cell that takes the last free file leaves more behind it, and the next one sees its names', async () => {
  for (let at = 0; at < 31; at++) await lab.run(`const kept${at} = ${at}`);
  await new Promise((resolve) => setImmediate(resolve));
  expect(cellFiles()).toBe(32);
  await lab.run('const kept31 = 31');
  await new Promise((resolve) => setImmediate(resolve));
  expect(cellFiles()).toBe(64);
  expect((await lab.run('kept0 + kept31')).result).toBe('31');
  expect((await lab.run('const wrong: string = kept31')).outcome).toMatchObject({ ename: 'TypeCheckError' });
});
