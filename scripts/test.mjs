// npm test: builds, then runs every suite. Suites whose tools are absent are reported as skipped, by name;
// NPULAB_REQUIRE (comma-separated names, set by .ci/run) turns such a skip into a failure.
// `npm test -- NAME` runs only the steps whose name contains NAME.
import { buildSteps } from './build.mjs';
import { optionalSuites } from './optional-suites.mjs';
import { command, run, StepError } from './steps.mjs';

const required = new Set((process.env.NPULAB_REQUIRE ?? '').split(',').filter(Boolean));
const only = process.argv[2];
const unknown = [...required].filter((name) => !optionalSuites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  process.stderr.write(`NPULAB_REQUIRE names unknown suites: ${unknown.join(', ')}\n`);
  process.exit(2);
}

const skipped = [];
const steps = [
  ...buildSteps,
  ['format, lint and types', () => command(process.execPath, ['scripts/lint.mjs'])],
  [
    'Rust tests',
    () => command('cargo', ['test', '--release', '--locked', '--manifest-path', 'board/Cargo.toml', '--workspace']),
  ],
  ['Rust crates without std', () => command(process.execPath, ['scripts/no-std.mjs'])],
  ['TypeScript tests', () => command(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'])],
  ...optionalSuites.map((suite) => [
    suite.name,
    async () => {
      const missing = suite.missing();
      if (missing === undefined) return suite.run();
      if (required.has(suite.name)) throw new StepError(`${suite.name} is required, but ${missing}`, suite.remedy);
      skipped.push(suite.name);
      process.stdout.write(`SKIPPED ${suite.name}: ${missing}. ${suite.remedy}\n`);
    },
  ]),
];

const chosen = only === undefined ? steps : steps.filter(([name]) => name.includes(only));
if (chosen.length === 0) {
  process.stderr.write(`no step is called "${only}"; there are: ${steps.map(([name]) => name).join(', ')}\n`);
  process.exit(2);
}
await run('npm test', chosen);
if (skipped.length > 0) process.stdout.write(`Skipped suites: ${skipped.join(', ')}\n`);
