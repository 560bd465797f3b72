/** The kernel's log: one folder for kernels and agents, one file per process. Errors that reach a user name the file. */
import { appendFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from './folder.js';

/** Where kernel and agents write their logs. */
export function logFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'npulab');
}

/** A log that is appended line by line. */
export interface LogFile {
  readonly path: string;
  /** Never throws: a full disk must not end a kernel. */
  write(line: string): void;
}

/** Most bytes one process writes; what comes after is dropped, so that a flood of bad messages cannot fill the disk. */
const maxLogBytes = 16 * 1024 * 1024;

/** The log of the kernel with this process id. */
export function kernelLog(pid: number, folder: string = logFolder()): string {
  return join(folder, `kernel-${pid}.log`);
}

/** Opens this process's log in the folder; the file appears with its first line. */
export function openLog(folder: string = logFolder(), now: () => Date = () => new Date()): LogFile {
  const path = kernelLog(process.pid, folder);
  let writtenBytes = 0;
  return {
    path,
    write(line) {
      if (writtenBytes > maxLogBytes) return;
      const text = `${now().toISOString()} ${line}\n`;
      writtenBytes += text.length;
      try {
        makeFolder(folder);
        appendFileSync(path, text);
      } catch {
        // Nobody to tell.
      }
    },
  };
}
