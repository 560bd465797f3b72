// Builds the addon: cargo for the kernels' static library, then one C++ compiler call. Knows file times and what may be
// missing; refuses to know platforms, downloads and configuration files (no binding.gyp: npm would run node-gyp by itself).
//
//   node addon/build.mjs [--force]        import { buildAddon } from './addon/build.mjs'

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const addonFolder = dirname(fileURLToPath(import.meta.url));
const boardFolder = join(addonFolder, '..', 'board');
const crateFolder = join(boardFolder, 'crates', 'npu-kernels');

/** Error of the build: `message` says what failed, `remedy` what to do. */
export class AddonBuildError extends Error {
  constructor(message, remedy) {
    super(`${message}\n  remedy: ${remedy}`);
    this.name = 'AddonBuildError';
    this.code = 'addon.build-failed';
    this.remedy = remedy;
  }
}

function newestTime(path) {
  if (!existsSync(path)) return Number.POSITIVE_INFINITY;
  const about = statSync(path);
  if (!about.isDirectory()) return about.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestTime(join(path, name))));
}

function isUpToDate(output) {
  if (!existsSync(output)) return false;
  const inputs = [
    join(crateFolder, 'src'),
    join(crateFolder, 'include'),
    join(crateFolder, 'Cargo.toml'),
    join(boardFolder, 'Cargo.toml'),
    join(addonFolder, 'native'),
    fileURLToPath(import.meta.url),
  ];
  return Math.max(...inputs.map(newestTime)) <= statSync(output).mtimeMs;
}

function run(command, args, cwd, remedy) {
  const { status, error, signal } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error?.code === 'ENOENT') throw new AddonBuildError(`'${command}' was not found`, remedy);
  if (error) throw new AddonBuildError(`'${command}' could not be started: ${error.message}`, remedy);
  if (status !== 0) {
    const how = signal ? `was ended by ${signal}` : `failed with exit code ${status}`;
    throw new AddonBuildError(`${command} ${args[0]} ${how}`, 'read the messages above; they are the compiler’s own');
  }
}

function packageFolder(name) {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (cause) {
    const error = new AddonBuildError(
      `the npm package '${name}' is not installed`,
      'run `npm install` in the repository',
    );
    error.cause = cause;
    throw error;
  }
}

/**
 * Builds `addon/build/npulab.node` when a source is newer than it.
 * @param {{ release?: boolean, force?: boolean, log?: (line: string) => void }} [options] `release: false` builds
 *   unoptimised kernels; `force` builds even when up to date.
 * @returns {{ path: string, built: boolean }}
 * @throws {AddonBuildError} with a remedy: cargo, a compiler or a package is missing, or a compiler failed.
 */
export function buildAddon({ release = true, force = false, log = () => {} } = {}) {
  const buildFolder = join(addonFolder, 'build');
  const output = join(buildFolder, 'npulab.node');
  if (!force && isUpToDate(output)) return { path: output, built: false };

  log('addon: compiling the kernels (cargo)');
  const cargo = ['rustc', '-p', 'npu-kernels', '--lib', '--features', 'capi', '--crate-type', 'staticlib'];
  if (release) cargo.push('--release');
  run('cargo', cargo, boardFolder, 'install Rust 1.89 or newer from https://rustup.rs and open a new terminal');
  const targetFolder = resolve(boardFolder, process.env.CARGO_TARGET_DIR ?? 'target');
  const library = join(targetFolder, release ? 'release' : 'debug', 'libnpu_kernels.a');
  if (!existsSync(library)) {
    throw new AddonBuildError(`cargo left no ${library}`, 'unset CARGO_BUILD_TARGET, or set CARGO_TARGET_DIR');
  }

  log('addon: compiling the binding (one compiler call)');
  mkdirSync(buildFolder, { recursive: true });
  const native = join(addonFolder, 'native');
  const sources = readdirSync(native)
    .filter((name) => name.endsWith('.cc'))
    .sort();
  const fresh = join(buildFolder, `npulab.${process.pid}.node`);
  const args = ['-O2', '-std=c++20', '-shared', '-fPIC', '-fvisibility=hidden', '-Wall', '-DNAPI_CPP_EXCEPTIONS'];
  args.push('-DNAPI_VERSION=9', `-I${packageFolder('node-addon-api')}`);
  args.push(`-I${join(packageFolder('node-api-headers'), 'include')}`, `-I${join(crateFolder, 'include')}`);
  args.push(...sources.map((name) => join(native, name)), library, '-lpthread', '-ldl', '-lm');
  args.push('-Wl,--exclude-libs,ALL', '-Wl,--gc-sections', '-o', fresh); // The kernels' names stay inside.
  const remedy = 'install a C++20 compiler (`apt install g++`), or name one in $CXX';
  try {
    const [compiler, ...flags] = (process.env.CXX || 'g++').split(/\s+/);
    run(compiler, [...flags, ...args], addonFolder, remedy);
    renameSync(fresh, output); // A process that has the old file open keeps it.
  } finally {
    rmSync(fresh, { force: true });
  }
  return { path: output, built: true };
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { path, built } = buildAddon({ force: process.argv.includes('--force'), log: console.error });
    console.log(`${path}${built ? '' : ' (up to date)'}`);
  } catch (error) {
    if (!(error instanceof AddonBuildError)) throw error;
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  }
}
