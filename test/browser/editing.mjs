// What JupyterLab asks of the kernel while somebody writes and works: completions in a popup, documentation in a tooltip, a
// progress bar that moves, a restart, and a second notebook that answers while the first one spins.
// Usage: NPULAB_PYTHON=… NPULAB_CHROMIUM=… node test/browser/editing.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, eventually, notebookOf, picture, runCell, withLab } from './lab.mjs';

const marked = '(globalThis as Record<string, unknown>).mark';
const first = [
  `${marked} = 'set';\n/** The answer, in two parts. */\nconst answer = { forty: 40, two: 2 };`,
  'answer.fo',
  'answer',
  `const bar = progress('steps', 20);
for (let done = 1; done <= 20; done++) {
  await new Promise((next) => setTimeout(next, 20));
  bar.update(done);
}
bar.done();`,
  `String(${marked})`,
  "console.log('spinning');\nwhile (true) {}",
];
const second = ["'the second answers'"];

const passed = [];

/** Selects a cell; with `typing`, its editor has the focus and the cursor is at its end. */
const select = (page, at, typing = false) =>
  page.evaluate(
    ([index, edit]) => {
      const { content } = globalThis.jupyterapp.shell.currentWidget;
      content.activeCellIndex = index;
      content.mode = edit ? 'edit' : 'command';
      const { editor } = content.activeCell;
      if (edit) editor.setCursorPosition(editor.getPositionAt(editor.model.sharedModel.getSource().length));
    },
    [at, typing],
  );
await withLab(
  (folder) => {
    writeFileSync(join(folder, 'first.ipynb'), notebookOf(first));
    writeFileSync(join(folder, 'second.ipynb'), notebookOf(second));
  },
  async (lab) => {
    const page = await lab.open('first.ipynb');
    /** Waits until an output of a cell is as wanted. */
    const shows = (of, at, what, probe) =>
      eventually(what, 60_000, async () => (await lab.cells(of))[at].outputs.some(probe));
    const textOf = (output) => output.data?.['text/plain'] ?? output.text ?? '';
    await runCell(page, 0);
    await eventually('the first cell', 60_000, async () => (await lab.cells(page))[0].count !== null);

    await select(page, 1, true);
    await command(page, 'completer:invoke-notebook');
    await page
      .waitForSelector('.jp-Completer:not(.lm-mod-hidden) .jp-Completer-item', { timeout: 20_000 })
      .catch(() => null);
    const source = () =>
      page.evaluate(() => globalThis.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource());
    // A single completion is taken without a popup.
    if ((await source()) === 'answer.fo') await command(page, 'completer:select-notebook');
    await eventually('the completion', 20_000, async () => (await source()) === 'answer.forty');
    passed.push('a member is completed');

    await page.evaluate(() => {
      const { model, editor } = globalThis.jupyterapp.shell.currentWidget.content.activeCell;
      model.sharedModel.setSource('answer.');
      editor.setCursorPosition({ line: 0, column: 7 });
    });
    await command(page, 'completer:invoke-notebook');
    const popup = await page.waitForSelector('.jp-Completer:not(.lm-mod-hidden)', { timeout: 20_000 });
    const offered = await popup.textContent();
    if (!offered.includes('forty') || !offered.includes('two')) throw new Error(`the popup offers ${offered}`);
    await picture(page, 'completion', popup);
    await page.keyboard.press('Escape');
    passed.push('a popup offers the members of a value');

    await select(page, 2, true);
    await command(page, 'tooltip:launch-notebook');
    const tooltip = await page.waitForSelector('.jp-Tooltip', { timeout: 20_000 });
    const shown = await eventually('the tooltip', 20_000, async () => {
      const text = await tooltip.textContent();
      return text.includes('forty: number') ? text : undefined;
    });
    if (!shown.includes('The answer, in two parts.')) throw new Error(`the tooltip says ${shown}`);
    await picture(page, 'tooltip', tooltip);
    await page.keyboard.press('Escape');
    passed.push('a tooltip shows type and documentation');

    await runCell(page, 3);
    await shows(page, 3, 'the finished progress bar', (output) => textOf(output) === 'steps · done · 20');
    const [bars] = (await lab.cells(page)).slice(3).map((cell) => cell.outputs.length);
    if (bars !== 1) throw new Error(`progress left ${bars} outputs`);
    await picture(page, 'progress');
    passed.push('a progress bar moves in place');

    await runCell(page, 5);
    await shows(page, 5, 'the loop', (output) => textOf(output).includes('spinning'));
    const other = await lab.open('second.ipynb');
    await runCell(other, 0);
    await shows(other, 0, 'the second notebook', (output) => textOf(output) === "'the second answers'");
    await other.close();
    passed.push('a second notebook answers while the first one spins');

    await select(page, 1, true);
    await command(page, 'completer:invoke-notebook');
    await (await page.waitForSelector('.jp-Completer:not(.lm-mod-hidden)', { timeout: 20_000 })).textContent();
    await page.keyboard.press('Escape');
    const status = () => globalThis.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status;
    await eventually('the spinning kernel to be busy', 20_000, async () => (await page.evaluate(status)) === 'busy');
    if (await lab.idle()) throw new Error('the server takes the spinning kernel for idle');
    passed.push('a completion while a cell spins leaves the kernel busy, for the page and for the server');

    await command(page, 'notebook:restart-kernel');
    await (await page.waitForSelector('.jp-Dialog .jp-mod-accept', { timeout: 20_000 })).click();
    await eventually('the restarted kernel', 60_000, () =>
      page.evaluate(() => globalThis.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'),
    );
    await runCell(page, 4);
    await shows(page, 4, 'the fresh state', (output) => textOf(output) === "'undefined'");
    passed.push('a restart, even of a spinning kernel, begins afresh');
  },
);
process.stdout.write(`${passed.map((line) => `ok ${line}\n`).join('')}${passed.length} passed, 0 failed\n`);
