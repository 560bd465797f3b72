// npm run build:board: the agent as one static aarch64 binary for boards (StarryOS, vendor Linux), and the proof that it is
// one. Needs the Rust target below; the linker comes with Rust. Why musl: docs/decisions/0013.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { command, root, run, StepError } from './steps.mjs';

/** Target of everything that runs on a board. */
export const boardTarget = 'aarch64-unknown-linux-musl';

/** Environment in which cargo builds for it, and runs what it built under emulation. */
export const boardEnvironment = {
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER: 'rust-lld',
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER: 'qemu-aarch64-static',
  RUSTFLAGS: '-C link-self-contained=yes',
};

/** Where the agent ends up. */
export const boardAgent = resolve(root, `board/target/${boardTarget}/release/npulabd`);

const MACHINE_AARCH64 = 183;
const HEADER_BYTES = 64;
const SEGMENT_INTERPRETER = 3;
const SEGMENT_DYNAMIC = 2;
const TAG_NEEDED = 1n;

/** Checks that a file is an aarch64 ELF program that asks for no loader and no library; returns its size. */
export function checkStatic(path) {
  const bytes = readFileSync(path);
  const wrong = (what) => new StepError(`${path} ${what}`, 'remove RUSTFLAGS from the environment and build again');
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== 0x7f454c46) throw wrong('is no ELF file');
  if (bytes[4] !== 2 || bytes[5] !== 1 || bytes.readUInt16LE(18) !== MACHINE_AARCH64) throw wrong('is not for aarch64');
  const [table, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  for (let index = 0; index < count; index += 1) {
    const at = table + index * size;
    const kind = bytes.readUInt32LE(at);
    if (kind === SEGMENT_INTERPRETER) throw wrong('asks for a dynamic loader');
    if (kind !== SEGMENT_DYNAMIC) continue;
    const [from, length] = [Number(bytes.readBigUInt64LE(at + 8)), Number(bytes.readBigUInt64LE(at + 32))];
    for (let entry = from; entry + 16 <= from + length; entry += 16)
      if (bytes.readBigInt64LE(entry) === TAG_NEEDED) throw wrong('needs a shared library');
  }
  return bytes.length;
}

/** Builds and checks the agent. */
export async function buildBoard() {
  const build = ['build', '--release', '--locked', '--manifest-path', 'board/Cargo.toml', '-p', 'agent'];
  await command('cargo', [...build, '--target', boardTarget], {
    env: boardEnvironment,
    remedy: `rustup target add ${boardTarget}`,
  });
  const mib = (checkStatic(boardAgent) / 1048576).toFixed(1);
  process.stdout.write(`${boardAgent}: static, aarch64, ${mib} MiB\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  await run('npm run build:board', [['build the agent for the board (aarch64, static)', buildBoard]]);
