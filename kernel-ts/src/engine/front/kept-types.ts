/**
 * Keeps the merged declarations (`standard-types.ts`) in the user's cache folder: merging takes as long as answering ten
 * requests, and every kernel of an install merges the same. Refuses to know what is merged. A cache that cannot be written
 * costs that time again, and nothing else.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LIBRARY_PACKAGES, NODE_TYPES, writeStandardTypes } from './standard-types.js';

/** A new number for each change of what is written. */
const FORMAT = 2;

/** Where the declarations come from. */
export interface TypesOrigin {
  /** Folder of the compiler's program, which its libraries lie beside. */
  readonly compiler: string;
  /** Folder of `@types/node`; without it there are no types of Node. */
  readonly node: string | undefined;
}

/** Puts the merged declarations into `place`: as links to the kept ones, which are written first where there are none. */
export function placeStandardTypes(place: string, origin: TypesOrigin, cache = cacheFolder()): void {
  let kept: string;
  try {
    kept = join(cache, `types-${keyOf(origin)}`);
    if (!existsSync(kept)) keep(kept, cache, origin);
  } catch {
    writeStandardTypes(place, origin.compiler, origin.node);
    return;
  }
  for (const part of [LIBRARY_PACKAGES, NODE_TYPES]) symlinkSync(join(kept, part), join(place, part));
}

/** All at once, under its name: another kernel may be writing the same. */
function keep(kept: string, cache: string, { compiler, node }: TypesOrigin): void {
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${kept}-`);
  try {
    writeStandardTypes(fresh, compiler, node);
    renameSync(fresh, kept);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(kept)) throw error;
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
