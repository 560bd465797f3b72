import { describe, expect, it } from 'vitest';
import {
  checkBuilds,
  compareRuns,
  digestsOf,
  type Notebook,
  notebookOf,
  recordIn,
  renderReport,
  withoutOutputs,
} from '../../src/report/index.js';

const builds = { '@npulab/kernel': '0.1.0', npulabd: '0.1.0' };
const provenance = {
  output_type: 'display_data',
  data: {
    'text/plain': 'Provenance',
    'application/vnd.npulab.provenance+json': {
      schema: 1,
      question: 'Why <so> slow?',
      result: 'Bytes.',
      boards: [{ backend: 'sim:rk3568', modelled: true }],
    },
  },
  metadata: {},
};
const code = (id: string, source: string, outputs: object[], metadata: object = {}) => ({
  cell_type: 'code',
  id,
  source,
  metadata,
  outputs,
  execution_count: 1,
});

function notebook(text = 'one\n', volatile = 'at noon'): Notebook {
  return notebookOf(
    {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: [
        {
          cell_type: 'markdown',
          id: 'm',
          source: ['# A title\n', '\n', 'Some *text* with </script> in it.'],
          metadata: {},
        },
        code('a', 'const seed = 1;', [], { tags: ['injected-parameters'] }),
        code(
          'b',
          'print()',
          [
            { output_type: 'stream', name: 'stdout', text },
            { output_type: 'display_data', data: { 'text/plain': volatile }, metadata: { npulab: { volatile: true } } },
            {
              output_type: 'display_data',
              data: { 'image/svg+xml': '<svg>1</svg>', 'text/plain': '[chart]' },
              metadata: {},
            },
          ],
          { execution: { 'iopub.status.busy': '2026-01-01T00:00:00Z' } },
        ),
        code('c', 'lab.report()', [provenance]),
      ],
    },
    'test.ipynb',
  );
}
const html = (source = notebook()) => renderReport(source, { name: 'test', parameters: { seed: 1 }, builds });

describe('a report', () => {
  it('puts title, question, result and back end first, and says that latency is modelled', () => {
    const head = html().split('</header>')[0] ?? '';
    expect(head).toContain('<h1>A title</h1>');
    expect(head).toContain('<b>Question.</b> Why &lt;so&gt; slow?');
    expect(head).toContain('<b>Result.</b> Bytes.');
    expect(head).toContain('<b>sim:rk3568</b> <span class="badge">latency is modelled</span>');
    expect(head).toContain('Parameters: seed = 1');
  });

  it('of a notebook without lab.report() says that nothing is recorded, and not that there was no board', () => {
    const { cells, ...rest } = notebook();
    const head = html({ ...rest, cells: cells.slice(0, -1) }).split('</header>')[0] ?? '';
    expect(head).toContain('the notebook does not call <code>lab.report()</code>');
    expect(head).not.toContain('Back end:');
  });

  it('is one file: nothing is fetched and no script runs', () => {
    const page = html();
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
    expect([...page.matchAll(/(?:src|href)="(?!data:)/g)]).toEqual([]);
    expect([...page.matchAll(/<script[^>]*>/g)].map(([tag]) => tag)).toEqual([
      '<script type="application/vnd.npulab.report+json" id="npulab-report">',
    ]);
  });

  it('gives its record back, though the text holds the end of a script element', () => {
    const record = recordIn(html(), 'report.html');
    expect(record.notebook).toEqual(withoutOutputs(notebook()));
    expect(record.parameters).toEqual({ seed: 1 });
    expect(record.builds).toEqual(builds);
    expect(record.cells.map(({ id, volatileOutputs }) => [id, volatileOutputs])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 0],
    ]);
  });

  it('is the same bytes for the same run', () => {
    expect(html()).toBe(html());
  });

  it('embeds charts as pictures, so that two of them cannot disturb each other', () => {
    expect(html()).toContain(
      `<img class="chart" alt="[chart]" src="data:image/svg+xml;base64,${Buffer.from('<svg>1</svg>').toString('base64')}">`,
    );
  });
});

describe('what a report keeps of its notebook', () => {
  it('has no outputs, no counts, no times and no injected parameters', () => {
    const kept = withoutOutputs(notebook());
    expect(kept.cells.map(({ id }) => id)).toEqual(['m', 'b', 'c']);
    expect(kept.cells[1]).toEqual({
      cell_type: 'code',
      id: 'b',
      source: 'print()',
      metadata: {},
      outputs: [],
      execution_count: null,
    });
  });
});

describe('verification', () => {
  const record = recordIn(html(), 'report.html');

  it('finds a second run equal though its volatile outputs differ', () => {
    expect(compareRuns(record, notebook('one\n', 'at midnight'))).toEqual({
      equal: true,
      comparedCells: 3,
      comparedOutputs: 3,
      volatileOutputs: 1,
      differences: [],
    });
  });

  it('names the first cell, output and part that differ', () => {
    const { equal, differences } = compareRuns(record, notebook('two\n'));
    expect(equal).toBe(false);
    expect(differences).toEqual([{ cell: 2, id: 'b', output: 1, part: 'stream/stdout', what: 'differs' }]);
  });

  it('takes text as one string or as lines for the same', () => {
    const lines = structuredClone(notebook('one\n')) as unknown as { cells: { outputs: { text: unknown }[] }[] };
    (lines.cells[2] as { outputs: { text: unknown }[] }).outputs[0]!.text = ['one\n'];
    expect(digestsOf(lines as unknown as Notebook)).toEqual(digestsOf(notebook()));
  });

  it('refuses another build by name', () => {
    expect(() => checkBuilds(record, { ...builds, npulabd: '0.2.0' })).toThrow(
      'the report was made by npulabd 0.1.0 (here 0.2.0)',
    );
    expect(() => checkBuilds(record, builds)).not.toThrow();
  });

  it.each([
    ['a page without a record', '<html></html>', 'report.not-a-report'],
    ['a damaged record', html().replace('"schema":1', '"schema":'), 'report.not-a-report'],
    [
      'a record of a later schema',
      html()
        .replace('"schema":1}', '"schema":9}')
        .replace(/"provenance":\{.*?\},"schema":1/, '"schema":9'),
      'report.not-a-report',
    ],
  ])('refuses %s', (_what, page, code) => {
    expect(() => recordIn(page, 'x.html')).toThrow(expect.objectContaining({ code }));
  });
});

describe('a notebook', () => {
  it.each([
    [null],
    [[]],
    [{ nbformat: 3, cells: [] }],
    [{ nbformat: 4, cells: [{}] }],
    [{ nbformat: 4, cells: [{ cell_type: 'code', source: 5 }] }],
  ])('is refused where it is %j', (value) => {
    expect(() => notebookOf(value, 'x.ipynb')).toThrow(expect.objectContaining({ code: 'report.not-a-notebook' }));
  });
});
