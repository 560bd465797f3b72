/**
 * Removes kept declarations (`kept-types.ts`) that no install has used for a long time. Knows folders and times, no content.
 * Several kernels may use the cache meanwhile: a folder is first renamed and looked at again, and comes back under its
 * name when somebody has used it in between.
 */
import { readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than a holiday: writing them again costs a kernel a tenth of a second. */
const UNUSED_MS = 60 * DAY_MS;
/** What a kernel was writing when it was killed, or removing. */
const LEFT_MS = DAY_MS;
const KEPT = /^types-[0-9a-f]{16}$/;
const LEFT = /^types-[0-9a-f]{16}-/;

/** Says that a kernel uses the folder now, if there is one that this user may mark. */
export function markUsed(kept: string, nowMs: number): void {
  try {
    utimesSync(kept, nowMs / 1000, nowMs / 1000);
  } catch {
    // not there yet, or kept by somebody else, who sweeps it
  }
}

/** Removes from `cache` what is unused or left over. What cannot be removed stays for the next kernel. */
export function sweepTypes(cache: string, nowMs: number): void {
  for (const name of readdirSync(cache)) {
    const folder = join(cache, name);
    try {
      if (LEFT.test(name) && isOlder(folder, nowMs - LEFT_MS)) rmSync(folder, { recursive: true, force: true });
      else if (KEPT.test(name) && isOlder(folder, nowMs - UNUSED_MS)) removeUnused(folder, nowMs);
    } catch {
      // another kernel was faster, or the folder belongs to another user
    }
  }
}

function removeUnused(folder: string, nowMs: number): void {
  const aside = `${folder}-unused-${process.pid}`;
  renameSync(folder, aside);
  if (isOlder(aside, nowMs - UNUSED_MS)) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, folder);
}

function isOlder(folder: string, timeMs: number): boolean {
  return statSync(folder).mtimeMs < timeMs;
}
