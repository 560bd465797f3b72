// node scripts/fuzz.mjs [--seconds N] [--seed N] [--target NAME]: runs every fuzz target of board/crates/fuzz in a release
// build, each for N seconds (60). Prints executions and seed. A finding ends with status 1; its input is in board/target/fuzz.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command, root, run, StepError } from './steps.mjs';

/** Address space of a target: what asks for more is a finding too. */
const memoryKib = 8 << 20;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    target: { type: 'string' },
  },
});
for (const name of ['seconds', 'seed']) {
  if (!/^[0-9]+$/.test(values[name])) {
    process.stderr.write(`--${name} ${values[name]}: a whole number is expected\n`);
    process.exit(2);
  }
}

const program = resolve(root, 'board/target/release/fuzz');
const findings = resolve(root, 'board/target/fuzz');

/** Runs the fuzzer under a memory limit. */
const fuzz = (args, stdio) =>
  spawnSync('sh', ['-c', `ulimit -v ${memoryKib}; exec "$@"`, 'sh', program, ...args], { stdio, encoding: 'utf8' });

/** One target. A process that died without a word runs again with the same seed and writes down every input. */
function target(name) {
  const args = [name, '--seconds', values.seconds, '--seed', values.seed];
  const { status, signal } = fuzz(args, ['ignore', 'inherit', 'inherit']);
  if (status === 0) return;
  const again = `node scripts/fuzz.mjs --target ${name} --seed ${values.seed} --seconds ${values.seconds}`;
  if (status === 1) throw new StepError(`${name} has a finding, see above`, `replay the input, or run ${again}`);
  const record = resolve(findings, `${name}-died-${values.seed}.bin`);
  mkdirSync(findings, { recursive: true });
  fuzz([...args, '--record', record], 'ignore');
  throw new StepError(`${name} died with ${signal ?? `status ${status}`}; input: ${record}`, `run ${again}`);
}

const build = () =>
  command('cargo', ['build', '--release', '--locked', '--manifest-path', 'board/Cargo.toml', '-p', 'fuzz']);

function chosen() {
  const listed = spawnSync(program, ['list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  const names = values.target === undefined ? listed : listed.filter((name) => name === values.target);
  if (names.length === 0) {
    process.stderr.write(`no target is called ${values.target}; there are: ${listed.join(', ')}\n`);
    process.exit(2);
  }
  return names;
}

await run('fuzz targets', [['build', build]]);
await run(
  `fuzz, seed ${values.seed}`,
  chosen().map((name) => [name, async () => target(name)]),
);
