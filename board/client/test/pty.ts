/** A pseudo-terminal with one end in the test's hand. Knows the helper process; refuses to know what travels. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Transport } from '../src/transport/transport.js';

/** False where there is no python3, which makes the terminals. CI has it. */
export const hasPty = spawnSync('python3', ['-c', 'import os; os.openpty()']).status === 0;

export interface Pty {
  /** What a program opens, for example `/dev/pts/3`. */
  path: string;
  /** The other end. */
  far: Transport;
  /** Takes the terminal away, as an adapter that is pulled out. */
  remove(): void;
}

export async function openPty(): Promise<Pty> {
  const child = spawn('python3', [join(import.meta.dirname, 'pty.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  const path = await new Promise<string>((resolve) => {
    let text = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      text = Buffer.concat([text, chunk]);
      const end = text.indexOf(10);
      if (end < 0) return;
      child.stdout.off('data', onData).pause();
      if (end + 1 < text.length) child.stdout.unshift(text.subarray(end + 1));
      resolve(text.subarray(0, end).toString());
    };
    child.stdout.on('data', onData);
  });
  const remove = () => {
    child.stdin.destroy();
    child.kill('SIGKILL');
  };
  const far: Transport = {
    start(events) {
      child.stdout.on('data', (chunk) => events.onData(chunk)).resume();
      child.stdin.on('drain', () => events.onDrain());
      void once(child, 'exit').then(() => events.onClose('the terminal is gone'));
    },
    write(pieces) {
      let free = true;
      for (const piece of pieces) free = child.stdin.write(piece);
      return free;
    },
    end: remove,
    destroy: remove,
  };
  return { path, far, remove };
}
