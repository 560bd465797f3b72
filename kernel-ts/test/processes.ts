/** Processes as Linux shows them, for tests of what must be gone. */
import { readdirSync, readFileSync } from 'node:fs';

/** Ids of all processes below this one. */
export function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  });
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** True once the process is gone; a dead one whose parent has not looked counts as gone. */
export function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** Resolves when all of them are gone; the test's own time limit ends the wait. */
export async function gone(...pids: readonly number[]): Promise<void> {
  while (!pids.every(isGone)) await new Promise((resolve) => setImmediate(resolve));
}
