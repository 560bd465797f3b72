// JupyterLab or Notebook 7 in headless Chromium opens the first notebook, runs all cells and shows the plot.
// Usage: NPULAB_PYTHON=… NPULAB_CHROMIUM=… node test/browser/run-all.mjs lab|notebook
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, pictureOf, root, withLab } from './lab.mjs';

const name = '01-quantize-load-step.ipynb';
const [frontEnd = 'lab'] = process.argv.slice(2);

await withLab(
  (folder) => cpSync(join(root, 'notebooks', name), join(folder, name)),
  async (lab) => {
    const page = await lab.open(name);
    await lab.runAll(page);
    const facts = await eventually('all cells', 240_000, async () => {
      const cells = await lab.cells(page);
      const failed = cells.flatMap((cell) => cell.outputs).find((output) => output.output_type === 'error');
      if (failed !== undefined) return { failed };
      return (await lab.idle()) && cells.every((cell) => cell.count !== null) ? { cells } : undefined;
    });
    if (facts.failed !== undefined) throw new Error(`a cell failed: ${facts.failed.traceback.join('\n')}`);
    const errors = await page.$$eval(
      '.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]',
      (found) => found.map((element) => element.textContent),
    );
    if (errors.length > 0) throw new Error(`cells failed: ${errors.join('\n')}`);
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
      return box !== null && box.width > 200 && box.height > 50 ? { ...box, element: found } : undefined;
    });
    const outputs = await plot.element.evaluateHandle((element) => element.closest('.jp-Cell-outputWrapper'));
    await pictureOf(page, `run-all-${frontEnd}`, outputs.asElement());
    process.stdout.write(
      `${frontEnd} ran ${facts.cells.length} cells; the plot is ${Math.round(plot.width)} x ${Math.round(plot.height)} pixels\n1 passed, 0 failed\n`,
    );
  },
  frontEnd,
);
