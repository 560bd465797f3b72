/**
 * Where the checker finds the session's files: a private temporary folder that repeats the notebook's path, so that with
 * `rootDirs` a relative import of a cell means the notebook's own file, and links to every `node_modules` above it, so
 * that packages resolve as they do in the notebook's folder. Real files, because the compiler asks about a thousand
 * times whether a file exists, and each answer from this process would cost two turns. In memory where the system has such
 * a folder: on a disk a write costs as much as the check.
 */
import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

const PREFIX = 'npulab-check-';

/** A folder of one session. */
export class CheckerFolder {
  /** What `rootDirs` joins with `/`. */
  readonly root: string;
  /** Stands for the notebook's folder. */
  readonly cells: string;
  /** Stands for no folder: what is the checker's own. */
  readonly own: string;

  /** @param folder the notebook's folder, absolute */
  constructor(folder: string) {
    // The process id says whose it is, for `sweep`.
    this.root = mkdtempSync(join(home(), `${PREFIX}${process.pid}-`));
    this.cells = join(this.root, folder);
    mkdirSync(this.cells, { recursive: true });
    this.own = join(this.root, '.npulab');
    mkdirSync(this.own);
    for (let real = folder; ; real = dirname(real)) {
      for (const name of ['node_modules', 'package.json']) {
        symlinkSync(join(real, name), join(this.root, relative('/', real), name)); // it may come to exist later
      }
      if (real === dirname(real)) break;
    }
  }

  /** Writes files, given as path in {@link cells} and text. */
  write(files: Iterable<readonly [file: string, text: string]>): void {
    for (const [file, text] of files) writeFileSync(file, text);
  }

  /** Removes the folder. */
  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Removes the folders of kernels that were killed. */
export function sweep(): void {
  const folder = home();
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    const path = join(folder, name);
    if (Number.isNaN(pid) || isAlive(pid) || lstatSync(path, { throwIfNoEntry: false })?.uid !== process.getuid?.()) {
      continue;
    }
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // a folder that cannot be removed now can be removed later
    }
  }
}

function home(): string {
  for (const folder of [process.env.XDG_RUNTIME_DIR, '/dev/shm']) {
    try {
      accessSync(folder ?? '', constants.W_OK | constants.X_OK);
      return folder as string;
    } catch {
      // not on this system
    }
  }
  return tmpdir();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
