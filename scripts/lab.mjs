// npm run lab: installs the kernelspec and opens JupyterLab on notebooks/.
import { spawn, spawnSync } from 'node:child_process';
import { buildSteps } from './build.mjs';
import { command, root, run } from './steps.mjs';

await run('npm run lab', [
  ...buildSteps,
  ['install the kernelspec', () => command(process.execPath, ['kernel-ts/bin/npulab.js', 'install', '--user'])],
]);
if (spawnSync('jupyter', ['lab', '--version'], { stdio: 'ignore' }).status !== 0) {
  process.stderr.write(
    'JupyterLab was not found.\nRemedy: pip install jupyterlab (in a virtual environment), put its bin folder on PATH, run npm run lab again.\n',
  );
  process.exit(1);
}
spawn('jupyter', ['lab', 'notebooks', ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' }).on(
  'close',
  (status) => {
    process.exitCode = status ?? 1;
  },
);
