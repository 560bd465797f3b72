// An agent of the bench's own, so that its process can be looked at while it works, and killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findAgent } from '@npulab/board';

/** Largest resident size of a process so far, bytes. */
export const peakBytesOf = (pid) =>
  1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

export async function startAgent(...options) {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-bench-'));
  const files = ['--log', join(folder, 'log'), '--store', join(folder, 'store')];
  const args = ['--listen', 'tcp://127.0.0.1:0', '--backend', 'cpu', '--until-stdin-closes', ...files, ...options];
  const start = async () => {
    const child = spawn(findAgent(), args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (text.includes('\n')) break;
    }
    return { child, address: JSON.parse(text.split('\n')[0]).listen };
  };
  let now = await start();
  return {
    get address() {
      return now.address;
    },
    peakBytes: () => peakBytesOf(now.child.pid),
    /** SIGKILL, then another one on the same store. */
    killAndRestart: async () => {
      now.child.kill('SIGKILL');
      await once(now.child, 'exit');
      now = await start();
    },
    stop: () => {
      now.child.stdin.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
