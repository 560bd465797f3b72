// Runs the steps of a command one after another: says what each does, how long it took, and what to do when it fails.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** A failure with a remedy, printed without a stack. */
export class StepError extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * Runs one program with its output passed through; `quiet` keeps the output and shows it only on failure.
 * `withExit` adds the exit status to the message.
 */
export function command(program, args, { quiet = false, env = {}, remedy = '' } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    });
    const kept = [];
    child.stdout?.on('data', (bytes) => kept.push(bytes));
    child.stderr?.on('data', (bytes) => kept.push(bytes));
    child.on('error', (error) => fail(new StepError(`${program} could not be started: ${error.message}`, remedy)));
    child.on('close', (status, signal) => {
      if (status === 0) return done();
      process.stderr.write(Buffer.concat(kept));
      fail(new StepError(`${program} ${args.join(' ')} ended with ${signal ?? `status ${status}`}`, remedy));
    });
  });
}

/** Runs named steps in order. The names are what the user sees. */
export async function run(title, steps) {
  const began = performance.now();
  process.stdout.write(`${title}\n`);
  try {
    for (const [index, [name, action]] of steps.entries()) {
      const from = performance.now();
      process.stdout.write(`[${index + 1}/${steps.length}] ${name}\n`);
      await action();
      process.stdout.write(`[${index + 1}/${steps.length}] done in ${seconds(performance.now() - from)}\n`);
    }
    process.stdout.write(`${title}: done in ${seconds(performance.now() - began)}\n`);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    process.stderr.write(`\n${title}: failed. ${error.message}\n${error.remedy ? `Remedy: ${error.remedy}\n` : ''}`);
    process.exit(1);
  }
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Installs packages when the lock file is newer than what is installed. Works with npm 10 and 11. */
export async function installPackages() {
  const marker = resolve(root, 'node_modules/.package-lock.json');
  const wanted = JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')).packages;
  if (existsSync(marker)) {
    const present = JSON.parse(readFileSync(marker, 'utf8')).packages;
    const missing = Object.entries(wanted).filter(
      ([path, facts]) =>
        path !== '' &&
        !facts.optional &&
        path.startsWith('node_modules/') &&
        !facts.link &&
        present[path]?.version !== facts.version,
    );
    if (missing.length === 0) return;
  }
  // Prebuilt binaries are in the packages: no install script is needed, so none is run.
  await command('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    remedy: 'check that the npm registry can be reached, then run the command again',
  });
}
