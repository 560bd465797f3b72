// What a user does in JupyterLab beyond running cells: drags a slider and a display follows, clicks a button, answers
// input(), interrupts a loop and goes on with the variables.
// Usage: NPULAB_PYTHON=… NPULAB_CHROMIUM=… node test/browser/interaction.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, eventually, notebookOf, picture, runCell, withLab } from './lab.mjs';

const sources = [
  `const n = kernel.widgets.slider({ label: 'rows', min: 1, max: 9, value: 3 });
const go = kernel.widgets.button('Count');
n.onChange((rows) => display(html\`<b id="follows">\${rows} squared is \${rows ** 2}</b>\`, { displayId: 'square', update: true }));
go.onChange((clicks) => display(html\`<b id="clicked">clicked \${clicks}</b>\`, { displayId: 'clicks', update: true }));
await display(n);
await display(go);
await display(html\`<b id="follows">not moved</b>\`, { displayId: 'square' });
await display(html\`<b id="clicked">not clicked</b>\`, { displayId: 'clicks' });`,
  "const name = await input('your name: ');\n'hello ' + name",
  "let rounds = 0;\nconsole.log('looping');\nwhile (true) rounds++;",
  'rounds > 0 && name',
];
const passed = [];

await withLab(
  (folder) => writeFileSync(join(folder, 'play.ipynb'), notebookOf(sources)),
  async (lab) => {
    const page = await lab.open('play.ipynb');
    const text = (selector) => page.$eval(selector, (element) => element.textContent);
    const run = (at) => runCell(page, at);

    await run(0);
    const handle = await page.waitForSelector('.widget-slider .noUi-handle', { timeout: 60_000 });
    const box = await handle.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + 400, box.y + box.height / 2, { steps: 12 });
    await page.mouse.up();
    await eventually(
      'the display that follows the slider',
      20_000,
      async () => (await text('#follows')) === '9 squared is 81',
    );
    passed.push('a slider is dragged and a display follows');

    await page.click('.widget-button');
    await page.click('.widget-button');
    await eventually('the clicks', 20_000, async () => (await text('#clicked')) === 'clicked 2');
    passed.push('a button is clicked');
    await picture(page, 'slider');

    await run(1);
    const box2 = await page.waitForSelector('.jp-Stdin-input', { timeout: 20_000 });
    await box2.fill('Ada');
    await picture(page, 'input');
    await box2.press('Enter');
    await eventually('the greeting', 20_000, async () => {
      const [, asked] = await lab.cells(page);
      return asked.outputs.some((output) => output.data?.['text/plain'] === "'hello Ada'");
    });
    passed.push('input() asks in a box and goes on with the answer');

    await run(2);
    await eventually('the loop', 20_000, async () => {
      const cells = await lab.cells(page);
      return cells[2].outputs.some((output) => output.output_type === 'stream');
    });
    await command(page, 'notebook:interrupt-kernel');
    await eventually('the interrupt', 20_000, async () => {
      const cells = await lab.cells(page);
      return cells[2].outputs.some((output) => output.ename === 'Interrupted');
    });
    await picture(page, 'interrupt');
    await run(3);
    await eventually('the variables after the interrupt', 20_000, async () => {
      const cells = await lab.cells(page);
      return cells[3].outputs.some((output) => output.data?.['text/plain'] === "'Ada'");
    });
    passed.push('an endless loop is interrupted and the variables stay');
  },
);
process.stdout.write(`${passed.map((line) => `ok ${line}\n`).join('')}${passed.length} passed, 0 failed\n`);
