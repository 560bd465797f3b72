// JupyterLab in headless Chromium opens the first notebook, runs all cells and shows the plot.
// Usage: NPULAB_PYTHON=… NPULAB_CHROMIUM=… node test/browser/jupyterlab.mjs [SCREENSHOT.png]
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const root = resolve(import.meta.dirname, '../..');
const python = process.env.NPULAB_PYTHON ?? join(root, '.venv/bin/python');
const work = mkdtempSync(join(tmpdir(), 'npulab-browser-'));
const name = '01-quantize-load-step.ipynb';
const screenshot = process.argv[2];

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

/** Polls until `probe` gives a value; the deadline makes a wedged server fail this suite, not hang it. */
async function eventually(what, deadlineMs, probe) {
  const until = performance.now() + deadlineMs;
  while (performance.now() < until) {
    const value = await probe().catch(() => undefined);
    if (value !== undefined && value !== false) return value;
    await new Promise((next) => setTimeout(next, 200));
  }
  throw new Error(`${what}: not within ${deadlineMs} ms`);
}

const installed = spawnSync(process.execPath, [join(root, 'kernel-ts/bin/npulab.js'), 'install', '--prefix', work], {
  stdio: 'inherit',
});
if (installed.status !== 0) throw new Error('the kernelspec could not be installed');
cpSync(join(root, 'notebooks', name), join(work, name));

const port = await freePort();
const token = randomBytes(16).toString('hex');
const env = {
  ...process.env,
  JUPYTER_PATH: join(work, 'share/jupyter'),
  JUPYTER_CONFIG_DIR: join(work, 'config'),
  XDG_STATE_HOME: join(work, 'state'),
  XDG_DATA_HOME: join(work, 'data'),
  HOME: work,
};
const server = spawn(
  join(dirname(python), 'jupyter'),
  [
    'lab',
    '--no-browser',
    '--allow-root',
    '--LabApp.expose_app_in_browser=True',
    `--ServerApp.token=${token}`,
    '--ServerApp.ip=127.0.0.1',
    `--ServerApp.port=${port}`,
    `--ServerApp.root_dir=${work}`,
  ],
  { cwd: work, env, stdio: ['ignore', 'ignore', 'pipe'] },
);
let serverLog = '';
server.stderr.on('data', (bytes) => {
  serverLog += bytes;
});

let browser;
try {
  const base = `http://127.0.0.1:${port}`;
  await eventually('the Jupyter server', 60_000, async () => (await fetch(`${base}/api/status?token=${token}`)).ok);
  browser = await chromium.launch({
    executablePath: process.env.NPULAB_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  await page.goto(`${base}/lab/tree/${name}?token=${token}`);
  // The notebook draws only what is in view, so its readiness is asked of its model and never of an element.
  // Running cells before the session has its kernel opens a dialog that asks for one.
  await page.waitForFunction(
    () => {
      const panel = globalThis.jupyterapp?.shell.currentWidget;
      return panel?.context?.isReady && panel.sessionContext?.session?.kernel?.status === 'idle';
    },
    undefined,
    { timeout: 60_000 },
  );
  // Not awaited in the page: the command ends with the last cell, and the state is asked below.
  await page.evaluate(() => void globalThis.jupyterapp.commands.execute('notebook:run-all-cells'));
  const facts = await eventually('all cells', 240_000, async () => {
    const response = await fetch(`${base}/api/kernels?token=${token}`);
    const [kernel] = await response.json();
    const cells = await page.evaluate(() =>
      globalThis.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
        .filter((cell) => cell.cell_type === 'code')
        .map((cell) => ({ count: cell.execution_count, outputs: cell.outputs })),
    );
    const failed = cells.flatMap((cell) => cell.outputs).find((output) => output.output_type === 'error');
    if (failed !== undefined) return { failed };
    return kernel?.execution_state === 'idle' && cells.every((cell) => cell.count !== null) ? { cells } : undefined;
  });
  if (facts.failed !== undefined) throw new Error(`a cell failed in JupyterLab: ${facts.failed.traceback.join('\n')}`);
  const errors = await page.$$eval(
    '.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]',
    (found) => found.map((element) => element.textContent),
  );
  if (errors.length > 0) throw new Error(`cells failed in JupyterLab: ${errors.join('\n')}`);
  // Vega-Lite draws on a canvas or as SVG: either way the chart has a size. JupyterLab renders what is scrolled into view.
  const plot = await eventually('the plot', 60_000, async () => {
    const found = await page.$(
      '.jp-RenderedVegaCommon5 .vega-embed canvas, .jp-RenderedVegaCommon5 .vega-embed svg, .jp-RenderedVegaCommon .vega-embed canvas, .jp-RenderedVegaCommon .vega-embed svg',
    );
    if (found === null) {
      await page.evaluate(() => {
        const panel = document.querySelector('.jp-WindowedPanel-outer') ?? document.querySelector('.jp-Notebook');
        panel?.scrollBy(0, 500);
      });
      return undefined;
    }
    await found.scrollIntoViewIfNeeded();
    const box = await found.boundingBox();
    return box !== null && box.width > 200 && box.height > 50 ? box : undefined;
  });
  if (screenshot !== undefined) await page.screenshot({ path: screenshot });
  process.stdout.write(
    `JupyterLab ran ${facts.cells.length} cells; the plot is ${Math.round(plot.width)} x ${Math.round(plot.height)} pixels\n1 passed, 0 failed\n`,
  );
} catch (error) {
  process.stderr.write(`${serverLog.split('\n').slice(-30).join('\n')}\n`);
  throw error;
} finally {
  await browser?.close();
  server.kill('SIGTERM');
  await new Promise((done) => (server.exitCode === null ? server.once('exit', done) : done()));
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
