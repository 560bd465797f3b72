// The crates that go into an operating system's kernel must build without std. Where the kernel's own target is
// installed it is used; everywhere else the host target checks the same sources with the same features.
import { execFileSync } from 'node:child_process';
import { command } from './steps.mjs';

const crates = ['npu-regs', 'npu-device', 'npu-kernels', 'rknpu-driver', 'npu-sim'];
const kernelTarget = 'aarch64-unknown-none-softfloat';

function installedTargets() {
  try {
    return execFileSync('rustup', ['target', 'list', '--installed'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n');
  } catch {
    return [];
  }
}

const target = installedTargets().includes(kernelTarget) ? ['--target', kernelTarget] : [];
if (target.length === 0)
  process.stdout.write(`target ${kernelTarget} is not installed: checking without std on the host target\n`);
for (const crate of crates) {
  await command('cargo', [
    'check',
    '--locked',
    '--quiet',
    '--manifest-path',
    'board/Cargo.toml',
    '-p',
    crate,
    '--no-default-features',
    ...target,
  ]);
  process.stdout.write(`${crate}: builds without std\n`);
}
