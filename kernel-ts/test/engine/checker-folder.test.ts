import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { CheckerFolder, sweep } from '../../src/engine/front/checker-folder.js';

test('a session folder repeats the path of the notebook and leads to the packages above it', () => {
  const project = mkdtempSync(join(tmpdir(), 'npulab-project-'));
  const notebooks = join(project, 'notebooks');
  mkdirSync(notebooks);
  const place = new CheckerFolder(notebooks);
  try {
    expect(place.cells).toBe(join(place.root, notebooks));
    mkdirSync(join(project, 'node_modules'));
    writeFileSync(join(project, 'node_modules/one.txt'), '1');
    const seen = join(dirname(place.cells), 'node_modules/one.txt');
    expect(realpathSync(seen)).toBe(realpathSync(join(project, 'node_modules/one.txt')));
  } finally {
    place.remove();
    rmSync(project, { recursive: true });
  }
  expect(existsSync(place.root)).toBe(false);
});

test('sweeping removes the folders of processes that are gone, and no other', () => {
  const mine = new CheckerFolder('/notebooks');
  const home = dirname(mine.root);
  // Above the largest process id that Linux gives.
  const lost = join(home, 'npulab-check-4194999-abcdef');
  const other = join(home, 'npulab-check-of-somebody');
  for (const folder of [lost, other]) mkdirSync(folder);
  try {
    sweep();
    expect([lost, other, mine.root].map((folder) => [basename(folder), existsSync(folder)])).toEqual([
      ['npulab-check-4194999-abcdef', false],
      ['npulab-check-of-somebody', true],
      [basename(mine.root), true],
    ]);
  } finally {
    mine.remove();
    rmSync(other, { recursive: true });
  }
});
