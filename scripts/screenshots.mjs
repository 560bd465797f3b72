// npm run screenshots: runs the browser suites and takes the pictures of docs/jupyter-tools.md from what they saw.
import { copyFileSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildSteps } from './build.mjs';
import { optionalSuites } from './optional-suites.mjs';
import { root, run, StepError } from './steps.mjs';

/** Pictures for the docs, of those that the suites leave in out/browser. */
const chosen = ['run-all-lab', 'completion', 'debugger', 'slider'];
const maxBytes = 150_000;

const browser = optionalSuites.find(({ name }) => name === 'browser');
const missing = browser.missing();
if (missing !== undefined) {
  process.stderr.write(`${missing}\nRemedy: ${browser.remedy}\n`);
  process.exit(1);
}
await run('npm run screenshots', [
  ...buildSteps,
  ['run the browser suites', browser.run],
  [
    'copy the chosen pictures to docs/screenshots',
    async () => {
      mkdirSync(join(root, 'docs/screenshots'), { recursive: true });
      for (const name of chosen) {
        const from = join(root, 'out/browser', `${name}.png`);
        const { size } = statSync(from);
        if (size > maxBytes)
          throw new StepError(`${name}.png has ${size} bytes`, `show less: at most ${maxBytes} bytes`);
        copyFileSync(from, join(root, 'docs/screenshots', `${name}.png`));
      }
    },
  ],
]);
