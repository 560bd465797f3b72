// JupyterLab with our kernelspec in headless Chromium, for one suite: server, browser, page; gone when the suite ends.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

/** Debian's Chromium without a window; NPULAB_CHROMIUM names another one. */
export const launchBrowser = () =>
  chromium.launch({ executablePath: process.env.NPULAB_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });

export const root = resolve(import.meta.dirname, '../..');
const python = process.env.NPULAB_PYTHON ?? join(root, '.venv/bin/python');

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

/** Where the suites leave their pictures. */
export const pictures = join(root, 'out/browser');
/** What a picture shows above and below the element that it is about. */
const marginPx = 220;

/** Takes a picture of an element alone, `NAME.png` in {@link pictures}. */
export async function pictureOf(page, name, element) {
  const { width } = page.viewportSize();
  await page.setViewportSize({ width, height: 1600 }); // all of it at once: JupyterLab draws what is seen
  await element.scrollIntoViewIfNeeded();
  mkdirSync(pictures, { recursive: true });
  await element.screenshot({ path: join(pictures, `${name}.png`) });
}

/** Takes a picture of the page, `NAME.png` in {@link pictures}: of the height around an element, or of the page's top. */
export async function picture(page, name, around) {
  const { width, height } = page.viewportSize();
  const box = (await around?.boundingBox()) ?? { y: 0, height: 400 };
  const top = Math.max(0, Math.round(box.y) - marginPx);
  const bottom = Math.min(height, Math.round(box.y + box.height) + marginPx);
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), clip: { x: 0, y: top, width, height: bottom - top } });
}

/** Polls until `probe` gives a value; the deadline makes a wedged server fail the suite, not hang it. */
export async function eventually(what, deadlineMs, probe) {
  const until = performance.now() + deadlineMs;
  while (performance.now() < until) {
    const value = await probe().catch(() => undefined);
    if (value !== undefined && value !== false) return value;
    await new Promise((next) => setTimeout(next, 200));
  }
  throw new Error(`${what}: not within ${deadlineMs} ms`);
}

/** A notebook of these code cells, as the text of its file. */
export const notebookOf = (sources) =>
  JSON.stringify({
    cells: sources.map((source, at) => ({
      ...{ cell_type: 'code', id: `c${at}`, metadata: {}, execution_count: null, outputs: [], source },
    })),
    metadata: { kernelspec: { display_name: 'TypeScript (NPU Lab)', language: 'typescript', name: 'npulab' } },
    nbformat: 4,
    nbformat_minor: 5,
  });

/** Runs a command of the front end; not awaited there, since a cell's command ends with the cell. */
export const command = (page, name) => page.evaluate((id) => void globalThis.jupyterapp.commands.execute(id), name);

/** Runs one cell, as the user does who has selected it. */
export async function runCell(page, at) {
  await page.evaluate((index) => {
    globalThis.jupyterapp.shell.currentWidget.content.activeCellIndex = index;
  }, at);
  await command(page, 'notebook:run-cell');
}

/** The front ends: how each is started, and where it shows a notebook. */
const frontEnds = {
  lab: {
    start: ['lab', '--LabApp.expose_app_in_browser=True'],
    // A workspace of its own: the server keeps which notebooks are open, and would open those of other pages too.
    path: (notebook) => `lab/workspaces/${notebook.replaceAll(/\W/g, '-')}/tree/${notebook}`,
  },
  notebook: {
    start: ['notebook', '--JupyterNotebookApp.expose_app_in_browser=True'],
    path: (notebook) => `notebooks/${notebook}`,
  },
};

/**
 * Starts JupyterLab (or Notebook 7: `frontEnd` "notebook") in a folder of its own that `prepare(folder)` fills, hands `lab` to the suite and ends everything.
 * `lab.open(notebook)` opens a notebook, waits for its kernel and gives the page; `lab.cells(page)` are its code cells as
 * the page's model has them; `lab.idle()` says whether the kernel is idle.
 */
export async function withLab(prepare, suite, frontEnd = 'lab') {
  const { start, path } = frontEnds[frontEnd];
  const folder = mkdtempSync(join(tmpdir(), 'npulab-browser-'));
  const installed = spawnSync(
    process.execPath,
    [join(root, 'kernel-ts/bin/npulab.js'), 'install', '--prefix', folder],
    { stdio: 'inherit' },
  );
  if (installed.status !== 0) throw new Error('the kernelspec could not be installed');
  prepare(folder);
  const [port, token] = [await freePort(), randomBytes(16).toString('hex')];
  const options = [`token=${token}`, 'ip=127.0.0.1', `port=${port}`, `root_dir=${folder}`];
  const server = spawn(
    join(dirname(python), 'jupyter'),
    [...[...start, '--no-browser', '--allow-root'], ...options.map((option) => `--ServerApp.${option}`)],
    {
      cwd: folder,
      env: {
        ...process.env,
        JUPYTER_PATH: join(folder, 'share/jupyter'),
        JUPYTER_CONFIG_DIR: join(folder, 'config'),
        XDG_STATE_HOME: join(folder, 'state'),
        XDG_DATA_HOME: join(folder, 'data'),
        HOME: folder,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let serverLog = '';
  server.stderr.on('data', (bytes) => {
    serverLog += bytes;
  });
  let browser;
  try {
    const base = `http://127.0.0.1:${port}`;
    await eventually('the Jupyter server', 60_000, async () => (await fetch(`${base}/api/status?token=${token}`)).ok);
    browser = await launchBrowser();
    await suite({
      folder,
      async open(notebook) {
        const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
        await page.goto(`${base}/${path(notebook)}?token=${token}`);
        // The notebook draws only what is in view, so its readiness is asked of its model and never of an element.
        // Running cells before the session has its kernel opens a dialog that asks for one.
        await page.waitForFunction(
          (opened) => {
            const panel = globalThis.jupyterapp?.shell.currentWidget;
            const ready = panel?.context?.isReady && panel.context.path === opened;
            return ready && panel.sessionContext?.session?.kernel?.status === 'idle';
          },
          notebook,
          { timeout: 60_000 },
        );
        return page;
      },
      runAll: (page) => command(page, 'notebook:run-all-cells'),
      cells: (page) =>
        page.evaluate(() =>
          globalThis.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
            .filter((cell) => cell.cell_type === 'code')
            .map((cell) => ({ count: cell.execution_count, outputs: cell.outputs })),
        ),
      async idle() {
        const [kernel] = await (await fetch(`${base}/api/kernels?token=${token}`)).json();
        return kernel?.execution_state === 'idle';
      },
    });
  } catch (error) {
    process.stderr.write(`${serverLog.split('\n').slice(-30).join('\n')}\n`);
    throw error;
  } finally {
    await browser?.close();
    server.kill('SIGTERM');
    await new Promise((done) => (server.exitCode === null ? server.once('exit', done) : done()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
