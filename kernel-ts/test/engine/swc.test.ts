import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('the compiler is loaded as it is installed: it unpacks nothing into the user’s cache', () => {
  const home = mkdtempSync(join(tmpdir(), 'npulab-home-'));
  const place = createRequire(new URL('../../package.json', import.meta.url)).resolve('@swc/core');
  const code = `console.log(require(${JSON.stringify(place)}).parseSync('1').body.length)`;
  const { stdout } = spawnSync(process.execPath, ['-e', code], {
    env: { PATH: process.env.PATH, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), TMPDIR: home },
    encoding: 'utf8',
  });
  expect(stdout).toBe('1\n');
  expect(readdirSync(home)).toEqual([]);
  rmSync(home, { recursive: true });
});
