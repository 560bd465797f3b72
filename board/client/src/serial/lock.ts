/**
 * Who has a serial port: a file per port that names its bridge and who uses it. Knows files and process ids; refuses to know ports.
 * Surprising: the lock itself is on the open port, where the system keeps it; only who has that writes the file, so a file that a dead
 * bridge left is no obstacle.
 */
import { lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoardError } from '../errors.js';

/** What a lock file says. */
export interface PortHolder {
  /** The bridge. */
  pid: number;
  /** ISO time. */
  since: string;
  /** Where programs that want to share the port connect to. */
  socket: string;
  /** Bits per second the port is open at. */
  baud: number;
  /** Programs that use the port now. */
  users: { pid: number; what: string }[];
  /** What to do to get the port free. */
  remedy: string;
}

/** The folder of this user's lock files and sockets. Fails with `board.serial-unavailable` where others may write there. */
export function portFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(process.env.XDG_RUNTIME_DIR || tmpdir(), `npulab-ports-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid: owner, mode } = lstatSync(folder);
  if (owner !== uid || (mode & 0o077) !== 0)
    throw new BoardError('board.serial-unavailable', `${folder} belongs to somebody else, or others may write there`, {
      remedy: `Remove it, or: chmod 700 ${folder}`,
      fields: { folder },
    });
  return folder;
}

/** The lock file of a port. */
export function lockPath(port: string): string {
  let real = port;
  try {
    real = realpathSync(port);
  } catch {
    // A port that is not there is told when it is opened.
  }
  return join(portFolder(), `${real.replaceAll('/', '_')}.json`);
}

/** Says who has a port, in place of what was said before. For the one who has it open. */
export function writeHolder(port: string, holder: PortHolder): void {
  const path = lockPath(port);
  const next = `${path}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(next, path);
}

/** Takes back what this process said. */
export function removeHolder(port: string): void {
  if (holderOf(port)?.pid === process.pid) rmSync(lockPath(port), { force: true });
}

/** Who has a port now; null where nobody does, or the bridge named has died. */
export function holderOf(port: string): PortHolder | null {
  try {
    const holder = JSON.parse(readFileSync(lockPath(port), 'utf8')) as PortHolder;
    process.kill(holder.pid, 0);
    return holder;
  } catch {
    // No file, or no process: the folder is this user's own, so another user's process is none of ours.
    return null;
  }
}

/** The holder in words. */
export function describeHolder({ pid, since, users }: PortHolder): string {
  const who = users.map((user) => `${user.what} (process ${user.pid})`).join(', ');
  return `bridge process ${pid} since ${since}, ${who === '' ? 'used by nobody now' : `used by ${who}`}`;
}
