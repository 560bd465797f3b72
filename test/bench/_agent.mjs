// An agent of the bench's own, so that its process can be looked at while it works.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findAgent } from '@npulab/board';

export async function startAgent(...options) {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-bench-'));
  const args = [
    '--backend',
    'cpu',
    '--until-stdin-closes',
    '--log',
    join(folder, 'log'),
    '--store',
    join(folder, 'store'),
  ];
  const child = spawn(findAgent(), ['--listen', 'tcp://127.0.0.1:0', ...args, ...options], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  const address = JSON.parse(text.split('\n')[0]).listen;
  return {
    address,
    /** Largest resident size so far, bytes. */
    peakBytes: () => 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]),
    stop: () => {
      child.stdin.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
