// npm start: install, build, then run the first notebook through the kernel and write its report.
import { mkdirSync } from 'node:fs';
import { buildSteps } from './build.mjs';
import { command, root, run } from './steps.mjs';

const notebook = 'notebooks/01-quantize-load-step.ipynb';
const executed = 'out/01-quantize-load-step.ipynb';
const report = 'out/01-quantize-load-step.html';

await run('npm start', [
  ...buildSteps,
  [
    `run ${notebook} through the kernel`,
    () => {
      mkdirSync(`${root}/out`, { recursive: true });
      return command(process.execPath, ['kernel-ts/bin/npulab.js', 'run', notebook, '-o', executed, '--html', report], {
        remedy: 'npx --no-install npulab doctor says what is missing',
      });
    },
  ],
]);
process.stdout.write(
  [
    '',
    `Executed notebook: ${executed}`,
    `Report:            ${report}`,
    'Open the notebooks in JupyterLab with: npm run lab',
    '',
  ].join('\n'),
);
