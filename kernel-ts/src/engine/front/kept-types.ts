/**
 * Keeps the merged declarations (`standard-types.ts`) in the user's cache folder: merging takes as long as answering ten
 * requests, and every kernel of an install merges the same. Refuses to know what is merged. A cache that cannot be written, or
 * of which something was swept away, costs that time again, and nothing else.
 */
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LIBRARY_PACKAGES, NODE_TYPES, writeStandardTypes } from './standard-types.js';
import { markUsed, sweepTypes } from './sweep-types.js';

/** A new number for each change of what is written. */
const FORMAT = 4;
/** What was written: file → bytes; null for a link, which must lead somewhere. */
const CONTENTS = 'contents.json';

/** Where the declarations come from. */
export interface TypesOrigin {
  /** Folder of the compiler's program, which its libraries lie beside. */
  readonly compiler: string;
  /** Folder of `@types/node`; without it there are no types of Node. */
  readonly node: string | undefined;
}

/**
 * Puts the merged declarations into `place`: as links to the kept ones, which are written first where there are none. Call it
 * again before the compiler reads them again: what no other kernel uses is swept after a long time.
 */
export function placeStandardTypes(
  place: string,
  origin: TypesOrigin,
  cache = cacheFolder(),
  nowMs = Date.now(),
): void {
  const parts = [LIBRARY_PACKAGES, NODE_TYPES];
  const isOwn = lstatSync(join(place, NODE_TYPES), { throwIfNoEntry: false })?.isDirectory() === true;
  if (isOwn) return;
  let kept: string;
  try {
    kept = join(cache, `types-${keyOf(origin)}`);
    markUsed(kept, nowMs); // first: whoever sweeps looks for the mark
    if (!isWhole(kept)) keep(kept, cache, origin);
    sweepTypes(cache, nowMs);
  } catch {
    for (const part of parts) rmSync(join(place, part), { force: true });
    writeStandardTypes(place, origin.compiler, origin.node);
    return;
  }
  for (const part of parts) {
    const link = lstatSync(join(place, part), { throwIfNoEntry: false });
    if (link === undefined) symlinkSync(join(kept, part), join(place, part));
  }
}

/** All at once, under its name: another kernel may be writing the same. */
function keep(kept: string, cache: string, { compiler, node }: TypesOrigin): void {
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${kept}-`);
  try {
    writeStandardTypes(fresh, compiler, node);
    writeFileSync(join(fresh, CONTENTS), JSON.stringify(contentsOf(fresh)));
    // What is there and not whole stands in the way of the new one.
    if (!isWhole(kept)) rmSync(kept, { recursive: true, force: true });
    renameSync(fresh, kept);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!isWhole(kept)) throw error;
  }
}

function contentsOf(folder: string): Record<string, number | null> {
  const contents: Record<string, number | null> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) contents[path.slice(folder.length + 1)] = statSync(path).size;
    else if (entry.isSymbolicLink()) contents[path.slice(folder.length + 1)] = null;
  }
  return contents;
}

/** Whether all is there that was written: caches are swept file by file, and packages move. */
function isWhole(kept: string): boolean {
  try {
    const contents = JSON.parse(readFileSync(join(kept, CONTENTS), 'utf8')) as Record<string, number | null>;
    return Object.entries(contents).every(([file, bytes]) => {
      const { size } = statSync(join(kept, file));
      return bytes === null || size === bytes;
    });
  } catch {
    return false;
  }
}

/** Names an install and its versions: the types of Node lead to packages beside them. */
function keyOf({ compiler, node }: TypesOrigin): string {
  const packages = [join(compiler, '..'), node].filter((folder) => folder !== undefined);
  const versions = packages.map((folder) => [folder, readFileSync(join(folder, 'package.json'), 'utf8')]);
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, versions]))
    .digest('hex')
    .slice(0, 16);
}

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'npulab');
}
