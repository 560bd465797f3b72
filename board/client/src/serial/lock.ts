/**
 * Who has a serial port: a file per port that names its holder, so that the next one is told whom to ask. Knows files and process ids;
 * refuses to know ports. The port itself is opened exclusively too; the file is what makes the refusal readable.
 */
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoardError } from '../errors.js';

/** What a lock file says. */
export interface PortHolder {
  pid: number;
  /** ISO time. */
  since: string;
  /** Command line of the holder. */
  what: string;
  /** What to do about it. */
  remedy: string;
}

/** The lock file of a port: one folder per user, one file per device. */
export function lockPath(port: string): string {
  const folder = join(process.env.XDG_RUNTIME_DIR || tmpdir(), `npulab-ports-${process.getuid?.() ?? 0}`);
  let real = port;
  try {
    real = realpathSync(port);
  } catch {
    // A port that is not there is told when it is opened.
  }
  return join(folder, `${real.replaceAll('/', '_')}.json`);
}

/** Takes a port. Fails with `board.serial-held`, which names the holder. Returns what gives it back. */
export function lockPort(port: string, what: string, now: Date): () => void {
  const path = lockPath(port);
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  const { pid } = process;
  const remedy = `close what runs there (process ${pid}), or end it: kill ${pid}`;
  const own: PortHolder = { pid, since: now.toISOString(), what, remedy };
  for (;;) {
    try {
      writeFileSync(path, `${JSON.stringify(own)}\n`, { flag: 'wx', mode: 0o600 });
      return () => {
        if (holderOf(port)?.pid === process.pid) rmSync(path, { force: true });
      };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const holder = holderOf(port);
    if (holder) throw held(port, holder);
    // Its holder died without giving it back.
    rmSync(path, { force: true });
  }
}

/** Who has a port now; null where nobody does, or the one named has died. */
export function holderOf(port: string): PortHolder | null {
  try {
    const holder = JSON.parse(readFileSync(lockPath(port), 'utf8')) as PortHolder;
    process.kill(holder.pid, 0);
    return holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null;
    return JSON.parse(readFileSync(lockPath(port), 'utf8')) as PortHolder;
  }
}

function held(port: string, holder: PortHolder): BoardError {
  const { pid, since, what, remedy } = holder;
  return new BoardError('board.serial-held', `${port} is held by process ${pid} (${what}) since ${since}`, {
    remedy: `Use that one, or ${remedy}.`,
    fields: { port, pid, since },
  });
}
