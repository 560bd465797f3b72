/** Makes a folder and those above it. Knows one surprise: Node's recursive mkdir never returns below a folder such as /proc. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** As `mkdir -p`, a folder at a time: a file system that makes none says so instead of being asked for ever. */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
