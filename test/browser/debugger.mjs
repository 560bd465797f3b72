// The debugger as a user of JupyterLab works with it: switch on, click a breakpoint, run, look at the variables, step, go on.
// Usage: NPULAB_PYTHON=… NPULAB_CHROMIUM=… node test/browser/debugger.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, eventually, notebookOf, picture, runCell, withLab } from './lab.mjs';

const sources = [
  `interface Layer { name: string; scale: number }
function quantize(x: number, layer: Layer): number {
  const scaled: number = x / layer.scale;
  const rounded = Math.round(scaled);
  return Math.max(-128, Math.min(127, rounded));
}`,
  `const layer: Layer = { name: 'q_proj', scale: 0.5 };
const q = quantize(3.2, layer);
q`,
];
const passed = [];

await withLab(
  (folder) => writeFileSync(join(folder, 'debug.ipynb'), notebookOf(sources)),
  async (lab) => {
    const page = await lab.open('debug.ipynb');
    const run = (at) => runCell(page, at);
    /** The line that is marked as the one that runs next, from 1; undefined where none is. */
    const currentLine = () =>
      page.evaluate(() => {
        const line = document.querySelector('.jp-DebuggerEditor-highlight');
        if (line === null) return undefined;
        return [...line.parentElement.querySelectorAll('.cm-line')].indexOf(line) + 1;
      });
    const at = (line) => eventually(`line ${line}`, 20_000, async () => (await currentLine()) === line);

    await run(0);
    await eventually('the first cell', 60_000, async () => (await lab.cells(page))[0].count !== null);
    const bug = await page.waitForSelector('.jp-DebuggerBugButton:not([disabled])', { timeout: 20_000 });
    await bug.click();
    // Lines of the gutter can be clicked once the handlers are there.
    const gutter = page.locator('.jp-CodeCell').first().locator('.cm-breakpoint-gutter .cm-gutterElement');
    await eventually('the gutter of breakpoints', 20_000, async () => (await gutter.count()) > 3);
    passed.push('the bug button switches the debugger on');

    await gutter.nth(4).click();
    await eventually('the breakpoint', 20_000, async () =>
      (await page.textContent('.jp-DebuggerBreakpoints')).includes('4'),
    );
    passed.push('a click beside a line sets a breakpoint');

    await run(1);
    await at(4);
    const variables = await eventually('the variables', 20_000, async () => {
      const text = await page.textContent('.jp-DebuggerVariables');
      return text.includes('scaled') && text.includes('6.4') ? text : undefined;
    });
    if (!variables.includes('q_proj')) throw new Error(`the object is not shown: ${variables}`);
    const frames = await page.textContent('.jp-DebuggerCallstack');
    if (!frames.includes('quantize') || !frames.includes('cell 2')) throw new Error(`the call stack shows ${frames}`);
    passed.push('the cell stops in a function of an earlier cell, with variables and call stack');
    await picture(page, 'debugger');

    await command(page, 'debugger:next');
    await at(5);
    await eventually('the new variable', 20_000, async () =>
      /rounded6/.test(await page.textContent('.jp-DebuggerVariables')),
    );
    passed.push('a step goes to the next line');

    await command(page, 'debugger:continue');
    await eventually('the result', 20_000, async () => {
      const [, second] = await lab.cells(page);
      return second.outputs.some((output) => output.data?.['text/plain'] === '6');
    });
    if ((await currentLine()) !== undefined) throw new Error('a line is still marked');
    passed.push('continue ends the cell with its result');

    await run(1);
    await at(4);
    await command(page, 'notebook:interrupt-kernel');
    await eventually('the interrupt', 20_000, async () => {
      const [, second] = await lab.cells(page);
      return second.outputs.some((output) => output.ename === 'Interrupted');
    });
    passed.push('the interrupt button ends a stopped cell');

    await run(1);
    await at(4);
    await page.evaluate(() => globalThis.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart());
    // JupyterLab switches the debugger on again by itself, some time after the kernel is back.
    await eventually('the debugger of the new kernel', 30_000, () =>
      page.evaluate(async () => {
        const { kernel } = globalThis.jupyterapp.shell.currentWidget.sessionContext.session;
        const asked = kernel.requestDebug({ type: 'request', seq: 0, command: 'debugInfo' });
        const { body } = (await asked.done).content;
        return body.isStarted && body.breakpoints.length > 0;
      }),
    );
    await run(0);
    await eventually('the first cell again', 30_000, async () => (await lab.cells(page))[0].count === 1);
    await run(1);
    await at(4);
    await command(page, 'debugger:continue');
    await eventually('the result again', 20_000, async () => {
      const [, second] = await lab.cells(page);
      return second.count === 2 && second.outputs.some((output) => output.data?.['text/plain'] === '6');
    });
    passed.push('after a restart of the stopped kernel the breakpoint is where it was');
  },
);
process.stdout.write(`${passed.map((line) => `ok ${line}\n`).join('')}${passed.length} passed, 0 failed\n`);
