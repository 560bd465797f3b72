import { tableFromArrays } from 'apache-arrow';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import { html, jupyterDisplay, md, present, svg, table, tex } from '../../src/display/index.js';

describe('present', () => {
  it('says nothing about values that plain text shows best', async () => {
    expect(await Promise.all([1, 'a', null, undefined, true, {}, [], [1, 2], new Map()].map(present))).toEqual(
      Array(9).fill(undefined),
    );
  });

  it('asks an object that shows itself first, and adds the plain text it forgot', async () => {
    const own = { [jupyterDisplay]: () => ({ 'text/html': '<b>x</b>' }), toSpec: () => ({}) };
    expect(await present(own)).toEqual({ 'text/html': '<b>x</b>', 'text/plain': 'x' });
  });

  it('shows the error of an object whose display throws instead of failing the cell', async () => {
    class Broken {
      [jupyterDisplay](): never {
        throw new Error('no link');
      }
    }
    expect(await present(new Broken())).toEqual({
      'text/plain': 'Broken {}\n[its display failed: Error: no link]',
    });
  });

  it('shows an SVG element as a picture that stands alone, and any other element as HTML', async () => {
    const named = '<svg class="plot" xmlns="http://www.w3.org/2000/svg" width="9"><path d="M0,0"/></svg>';
    expect(await present({ outerHTML: named })).toEqual({ 'image/svg+xml': named, 'text/plain': '[SVG picture]' });
    expect(await present({ outerHTML: '<svg width="9"></svg>' })).toEqual({
      'image/svg+xml': '<svg xmlns="http://www.w3.org/2000/svg" width="9"></svg>',
      'text/plain': '[SVG picture]',
    });
    const figure = '<figure><svg></svg></figure>';
    expect(await present({ outerHTML: figure })).toEqual({ 'text/html': figure, 'text/plain': '[HTML element]' });
  });

  it('shows a formula as LaTeX, backslashes as they are typed', async () => {
    const formula = '$$\\frac{2}{\\alpha}$$';
    expect(await present(tex`\frac{${2}}{\alpha}`)).toEqual({ 'text/latex': formula, 'text/plain': formula });
  });

  it('shows an array of records as a table with its plain-text twin', async () => {
    expect(
      await present([
        { name: 'q_proj', us: 1234.5 },
        { name: 'k', us: null },
      ]),
    ).toEqual({
      'text/html':
        '<table class="npulab-table"><thead><tr><th style="text-align:left">name</th><th style="text-align:right">us</th></tr></thead>\n<tbody>\n' +
        '<tr><td style="text-align:left">q_proj</td><td style="text-align:right">1 234.5</td></tr>\n' +
        '<tr><td style="text-align:left">k</td><td style="text-align:right">–</td></tr>\n</tbody></table>',
      'text/plain': 'name         us\nq_proj  1 234.5\nk             –',
    });
  });

  it('shows an Arrow table by its rows, with the column types in the header', async () => {
    const bundle = await present(tableFromArrays({ layer: Int32Array.of(0, 1), us: Float64Array.of(1.5, 2) }));
    expect(bundle?.['text/plain']).toBe('layer   us\n    0  1.5\n    1    2');
    expect(bundle?.['text/html']).toContain('<th title="Float64" style="text-align:right">us</th>');
  });

  it('shows a matrix with shape, range, first values and a heat map', async () => {
    const bundle = await present(ndarray(Float32Array.of(1, -2, 3, 4, 5, 6), [2, 3]));
    expect(bundle?.['text/plain']).toBe('Float32Array [2 × 3], 6 values, -2 … 6\n1, -2, 3, 4, 5, 6');
    expect(bundle?.['text/html']).toContain('<rect x="1" y="0" width="1" height="1" fill="rgb(170,170,255)"/>');
  });

  it('shows PNG bytes as a picture and other bytes as numbers', async () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1);
    expect(await present(png)).toEqual({ 'image/png': 'iVBORwE=', 'text/plain': '[PNG picture, 5 bytes]' });
    expect((await present(Uint8Array.of(7, 8)))?.['text/plain']).toBe('Uint8Array [2], 2 values, 7 … 8\n7, 8');
  });
});

describe('tagged templates', () => {
  it('carry their own MIME type and a plain text', async () => {
    expect(await present(html`<p>${1} &amp; <b>two</b></p><script>x</script>`)).toEqual({
      'text/html': '<p>1 &amp; <b>two</b></p><script>x</script>',
      'text/plain': '1 & two',
    });
    expect(await present(md`**${'bold'}**`)).toEqual({ 'text/markdown': '**bold**', 'text/plain': '**bold**' });
    expect((await present(svg`<svg/>`))?.['image/svg+xml']).toBe('<svg/>');
  });

  it('escape values, so that data cannot become markup, and nest', async () => {
    const shown = async (value: unknown): Promise<unknown> => (await present(value))?.['text/html'];
    expect(await shown(html`<i title="${'a"b'}">${'<script>'}</i>`)).toBe('<i title="a&quot;b">&lt;script&gt;</i>');
    const items = ['<a>', 'b'].map((item) => html`<li>${item}</li>`);
    expect(await shown(html`<ul>${items}${svg`<svg id="${1}"/>`}${undefined}${null}${false}${0}</ul>`)).toBe(
      '<ul><li>&lt;a&gt;</li><li>b</li><svg id="1"/>0</ul>',
    );
  });
});

describe('table', () => {
  it('escapes what it shows and counts what it does not', async () => {
    const rows = Array.from({ length: 40 }, (_, at) => ({ at, note: '<i>' }));
    const bundle = await present(table(rows, { title: 'a < b', maxRows: 2, columns: ['note'] }));
    expect(bundle?.['text/plain']).toBe('a < b\nnote\n<i>\n<i>\n(2 of 40 rows)');
    expect(bundle?.['text/html']).toBe(
      '<table class="npulab-table"><caption style="font-weight:600;text-align:left;white-space:nowrap">a &lt; b</caption><thead><tr><th style="text-align:left">note</th></tr></thead>\n<tbody>\n' +
        '<tr><td style="text-align:left">&lt;i&gt;</td></tr>\n<tr><td style="text-align:left">&lt;i&gt;</td></tr>\n</tbody></table><p>2 of 40 rows</p>',
    );
  });
});
