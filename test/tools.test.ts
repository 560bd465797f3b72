// What `npm start` says on a machine that lacks a tool or has an old one: which, and what to do. Nothing is built.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'npulab-tools-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** `npm start` where only these programs exist, each printing its version. */
function start(versions: Record<string, string>): { status: number | null; stdout: string; stderr: string } {
  const bin = mkdtempSync(join(folder, 'bin-'));
  for (const [name, version] of Object.entries(versions)) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho '${version}'\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return spawnSync(process.execPath, [join(import.meta.dirname, '../scripts/start.mjs')], {
    env: { PATH: bin },
    encoding: 'utf8',
  });
}

const present = { rustc: 'rustc 1.89.0', cargo: 'cargo 1.89.0' };

it.each([
  [{}, 'Rust was not found (rustc)', 'install Rust 1.89 or later (rustup, or the distribution’s rustc and cargo)'],
  [
    { ...present, rustc: 'rustc 1.88.2 (abc 2025-01-01)' },
    'Rust 1.88 is too old: 1.89 or later is needed',
    'install Rust 1.89 or later (rustup, or the distribution’s rustc and cargo)',
  ],
  [{ rustc: 'rustc 1.89.0' }, 'cargo was not found (cargo)', 'install cargo 1.89 or later (it comes with Rust)'],
  [present, 'C++ compiler was not found (g++)', 'install g++ 12 or later (Debian: apt-get install g++), or set CXX'],
  [
    { ...present, 'g++': '11.4.0' },
    'C++ compiler 11.4 is too old: 12.0 or later is needed',
    'install g++ 12 or later (Debian: apt-get install g++), or set CXX',
  ],
])('with %j it ends with what is missing and a remedy', (versions, message, remedy) => {
  const { status, stdout, stderr } = start(versions);
  expect(stderr).toBe(`\nnpm start: failed. ${message}\nRemedy: ${remedy}\n`);
  expect(stdout).toBe('npm start\n[1/6] check tools\n');
  expect(status).toBe(1);
});
