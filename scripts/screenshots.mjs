// npm run screenshots: takes the picture of the README from the report of `npm start`, and those of docs/jupyter-tools.md from what
// the browser suites saw.
import { copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launchBrowser } from '../test/browser/lab.mjs';
import { buildSteps } from './build.mjs';
import { optionalSuites } from './optional-suites.mjs';
import { command, root, run, StepError } from './steps.mjs';

/** Pictures for the docs, of those that the suites leave in out/browser. */
const chosen = ['run-all-lab', 'completion', 'debugger', 'slider'];
const maxBytes = 200_000;

/** Fails where a picture is too large for the docs. */
function checkSize(name, bytes) {
  if (bytes > maxBytes) throw new StepError(`${name} has ${bytes} bytes`, `show less: at most ${maxBytes} bytes`);
}

/** Head of the report, and the sections that hold charts: the answer and where it comes from. */
async function pictureOfReport(report, target) {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 980, height: 800 } });
    await page.goto(pathToFileURL(report).href);
    await page.addStyleTag({
      content: 'section:not(:has(img.chart)), details, footer { display: none } body { padding-bottom: 1rem }',
    });
    const picture = await page.screenshot({ fullPage: true });
    checkSize(target, picture.length);
    writeFileSync(target, picture);
  } finally {
    await browser.close();
  }
}

const browser = optionalSuites.find(({ name }) => name === 'browser');
const missing = browser.missing();
if (missing !== undefined) {
  process.stderr.write(`${missing}\nRemedy: ${browser.remedy}\n`);
  process.exit(1);
}
await run('npm run screenshots', [
  ...buildSteps,
  [
    'run the first notebook and picture its report',
    async () => {
      const report = 'out/01-quantize-load-step.html';
      const notebook = ['notebooks/01-quantize-load-step.ipynb', '-o', 'out/01-quantize-load-step.ipynb'];
      await command(process.execPath, ['kernel-ts/bin/npulab.js', 'run', ...notebook, '--html', report]);
      await pictureOfReport(join(root, report), join(root, 'docs/report.png'));
    },
  ],
  ['run the browser suites', browser.run],
  [
    'copy the chosen pictures to docs/screenshots',
    async () => {
      mkdirSync(join(root, 'docs/screenshots'), { recursive: true });
      for (const name of chosen) {
        const from = join(root, 'out/browser', `${name}.png`);
        checkSize(from, statSync(from).size);
        copyFileSync(from, join(root, 'docs/screenshots', `${name}.png`));
      }
    },
  ],
]);
