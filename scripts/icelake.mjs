// Runs the tests of npu-kernels on a processor with AVX-512-VNNI: Bochs' Ice Lake, bare but for the ROM of board/images/icelake.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { command, root, StepError } from './steps.mjs';

/** Target of the ROM, and that of the programs it runs. */
export const romTarget = 'x86_64-unknown-none';
export const programTarget = 'x86_64-unknown-linux-musl';

const romManifest = 'board/images/icelake/Cargo.toml';
const romFile = resolve(root, `board/images/icelake/target/${romTarget}/release/npulab-icelake`);
const romEnvironment = { RUSTFLAGS: '-C relocation-model=static' };
const programEnvironment = {
  CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER: 'rust-lld',
  // `fma`: without it the plain loops they are compared with call a library for each multiply-add, ten times as slow.
  RUSTFLAGS: '-C link-self-contained=yes -C relocation-model=static -C target-feature=+fma -C strip=symbols',
};

/** What the machine has no use for: helper threads, of which it has none. */
const withoutThreads = ['--skip', 'crew::'];

/** Parts of the 2 MiB that Bochs takes as a ROM, as src/machine.rs knows them: program, arguments, the code that starts it. */
const CARTRIDGE_BYTES = 0x20_0000;
const ARGUMENT_BYTES = 0x1_0000;
const ROM_BYTES = 0x1_0000;
const LIMIT_MS = 600_000;

const settings = (cartridge, log) => `cpu: model=corei7_icelake_u, ips=100000000, reset_on_triple_fault=0
memory: guest=256, host=256
romimage: file=${cartridge}, address=0xffe00000
display_library: rfb, options="timeout=0"
sound: driver=dummy
port_e9_hack: enabled=1
panic: action=fatal
log: ${log}
`;

/** Builds the ROM after a look at its style. */
async function buildRom() {
  const cargo = (verb, ...rest) =>
    command(
      'cargo',
      [verb, '--release', '--locked', '--quiet', '--manifest-path', romManifest, '--target', romTarget, ...rest],
      { env: romEnvironment, remedy: `rustup target add ${romTarget}` },
    );
  await cargo('clippy', '--', '-D', 'warnings');
  await cargo('build');
}

/** Builds the test programs of npu-kernels and returns their paths. */
function buildPrograms() {
  const args = ['test', '--no-run', '--release', '--locked', '--manifest-path', 'board/Cargo.toml'];
  const { status, stdout } = spawnSync(
    'cargo',
    [
      ...args,
      ...['-p', 'npu-kernels', '--features', 'capi', '--lib', '--tests'],
      ...['--target', programTarget, '--message-format', 'json-render-diagnostics'],
    ],
    {
      cwd: root,
      env: { ...process.env, ...programEnvironment },
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  if (status !== 0) throw new StepError('the test programs did not build', `rustup target add ${programTarget}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).executable)
    .filter((path) => typeof path === 'string');
}

/** One ROM that holds the program, its arguments and what starts it. */
function cartridge(program, args) {
  const bytes = Buffer.alloc(CARTRIDGE_BYTES);
  const file = readFileSync(program);
  const room = CARTRIDGE_BYTES - ARGUMENT_BYTES - ROM_BYTES;
  if (file.length > room)
    throw new StepError(`${basename(program)} has ${file.length} bytes, the machine takes ${room}`, 'split the tests');
  file.copy(bytes);
  bytes.write([basename(program), ...args, ''].join('\0'), room);
  readFileSync(romFile).copy(bytes, CARTRIDGE_BYTES - ROM_BYTES);
  return bytes;
}

/** Runs a program on the emulated machine; what it printed, and what the machine said about its end. */
async function runOnIcelake(program, args) {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-icelake-'));
  try {
    const [card, file, commands] = ['cartridge', 'bochsrc', 'commands'].map((name) => join(folder, name));
    writeFileSync(card, cartridge(program, args));
    writeFileSync(file, settings(card, join(folder, 'log')));
    // Debian's Bochs is built with its debugger, which waits for the word to go on.
    writeFileSync(commands, 'c\n');
    return await new Promise((done, fail) => {
      const bochs = spawn('bochs', ['-q', '-f', file, '-rc', commands], {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: LIMIT_MS,
      });
      const said = { stdout: '', stderr: '' };
      for (const stream of ['stdout', 'stderr'])
        bochs[stream].on('data', (bytes) => {
          said[stream] += bytes;
        });
      bochs.on('error', (error) => fail(new StepError(`bochs could not be started: ${error.message}`, '')));
      bochs.on('close', () => {
        if (/^icelake: /m.test(said.stdout)) return done(said.stdout);
        fail(new StepError(`the machine did not come to its end:\n${said.stdout}\n${said.stderr.slice(-2000)}`, ''));
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Holds what a test program printed against what it lists: every test has run and passed, the program ended well, and AVX-512-VNNI was
 * compared as often as the scalar loop, kernel by kernel. Returns the number of tests and comparisons.
 */
export function checkReport(list, report) {
  const wrong = (what) => new StepError(`AVX-512-VNNI: ${what}`, 'compare with `cargo test -p npu-kernels`');
  const all = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name).sort();
  const listed = all(list, /^(\S+): test$/gm).filter((name) => !name.startsWith('crew::'));
  const passed = all(report, /^test (\S+) \.\.\. ok$/gm);
  const absent = listed.filter((name) => !passed.includes(name));
  if (listed.length === 0) throw wrong('the program lists no test');
  if (absent.length > 0) throw wrong(`not passed: ${absent.join(', ')}\n${report}`);
  if (!/^icelake: the program ended with status 0$/m.test(report)) throw wrong(`no good end:\n${report}`);
  const [vector, scalar] = ['avx512vnni', 'scalar'].map((isa) => all(report, new RegExp(`^(.+) on ${isa}$`, 'gm')));
  if (vector.length === 0 || vector.join('\n') !== scalar.join('\n'))
    throw wrong(`compared ${vector.length} times, the scalar loop ${scalar.length} times`);
  return { tests: passed.length, comparisons: vector.length };
}

/** The suite `avx512`. */
export async function testOnIcelake() {
  await buildRom();
  for (const program of buildPrograms()) {
    const list = await runOnIcelake(program, ['--list']);
    const report = await runOnIcelake(program, ['--test-threads=1', '--show-output', ...withoutThreads]);
    const { tests, comparisons } = checkReport(list, report);
    const name = basename(program).replace(/-[0-9a-f]+$/, '');
    process.stdout.write(`${name} on AVX-512-VNNI: ${tests} tests passed, ${comparisons} comparisons equal\n`);
  }
}
