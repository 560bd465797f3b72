// Checks the tools a build needs: present, and new enough. Prints nothing when all is well.
import { execFileSync } from 'node:child_process';
import { StepError } from './steps.mjs';

const tools = [
  {
    name: 'Node.js',
    program: process.execPath,
    args: ['--version'],
    least: [20, 19],
    remedy: 'install Node.js 20.19 or later',
  },
  {
    name: 'Rust',
    program: 'rustc',
    args: ['--version'],
    least: [1, 89],
    remedy: 'install Rust 1.89 or later (rustup, or the distribution’s rustc and cargo)',
  },
  {
    name: 'cargo',
    program: 'cargo',
    args: ['--version'],
    least: [1, 89],
    remedy: 'install cargo 1.89 or later (it comes with Rust)',
  },
  {
    name: 'C++ compiler',
    program: process.env.CXX ?? 'g++',
    args: ['-dumpfullversion', '-dumpversion'],
    least: [12, 0],
    remedy: 'install g++ 12 or later (Debian: apt-get install g++), or set CXX',
  },
];

/** Throws a StepError that names the first tool that is missing or too old. */
export function checkTools() {
  if (process.platform !== 'linux')
    throw new StepError(`this platform is ${process.platform}`, 'NPU Lab runs on Linux (x86-64 or aarch64)');
  for (const { name, program, args, least, remedy } of tools) {
    let text;
    try {
      text = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    } catch {
      throw new StepError(`${name} was not found (${program})`, remedy);
    }
    const [major, minor] = (/(\d+)\.(\d+)/.exec(text) ?? [0, 0, 0]).slice(1).map(Number);
    if (major < least[0] || (major === least[0] && minor < least[1])) {
      throw new StepError(`${name} ${major}.${minor} is too old: ${least.join('.')} or later is needed`, remedy);
    }
  }
}
