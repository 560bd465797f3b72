// The notebook of the link: the agent over TCP and over a serial line of 1.5 Mbaud that damages bytes, a cut in the middle of an upload.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, printed, root, type StoredNotebook, Workplace } from './npulab.js';

const notebook = join(root, 'notebooks/03-link.ipynb');
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('skipped: notebooks/03-link.ipynb, since there is no python3 to make a serial line');

describe.runIf(hasPython)('the notebook of the link', () => {
  const place = new Workplace();
  afterAll(() => place[Symbol.dispose]());
  let ended: Ended;
  let executed: StoredNotebook;

  beforeAll(async () => {
    ended = await place.npulab(['run', notebook, '-o', place.path('link.ipynb'), '--html', place.path('link.html')]);
    executed = JSON.parse(place.read('link.ipynb'));
  }, 240_000);

  it('runs every cell without an error', () => {
    const errors = executed.cells.flatMap((cell) =>
      (cell.outputs ?? []).filter((output) => output.output_type === 'error'),
    );
    expect(errors).toEqual([]);
    expect(ended.status).toBe(0);
  });

  it('connects by TCP and by serial, and bytes stay equal', () => {
    expect(printed(executed, 'tcp')).toContain('1 MiB written and read over TCP: equal');
    expect(printed(executed, 'serial')).toContain('connected');
  });

  it('resumes an upload that was cut in the middle', () => {
    const text = printed(executed, 'cut');
    expect(text).toContain('cuts: 1; states: suspended, connected');
    expect(text).toContain('196608 of 196608 bytes sent, none twice: true');
    expect(text).toContain('on the board with an equal digest: true');
  });

  it('states the offset of the clock with its error', () => {
    const text = printed(executed, 'clock');
    expect(text).toMatch(/offset -?\d+\.\d{3} ms ± \d+\.\d{3} ms, from 16 pings/);
    // Two wires, one clock: what each says of its error must leave room for the other.
    expect(text).toContain('the two bars overlap: true');
  });

  it('draws both errors as bars, and the limit of the line beside what it carried', () => {
    const picture = (id: string): string => {
      const outputs = executed.cells.find((cell) => cell.id === id)?.outputs ?? [];
      return outputs.map(({ data }) => [data?.['image/svg+xml'] ?? ''].flat().join('')).join('');
    };
    expect([...picture('clock').matchAll(/± \d+\.\d{3} ms<\/text>/g)]).toHaveLength(2);
    expect(picture('goodput')).toContain('limit of the line: 150 kB/s</text>');
    expect(picture('goodput')).toContain('stroke-dasharray="6,4"');
  });

  it('never claims more than the line carries', () => {
    const shares = [...printed(executed, 'goodput').matchAll(/ (\d+\.\d+|\d+)\s*$/gm)].map(([, share]) =>
      Number(share),
    );
    expect(shares.length).toBeGreaterThanOrEqual(3);
    for (const share of shares) expect(share).toBeLessThanOrEqual(1);
  });

  it('proves its report: what the line did must repeat, what was measured is only shown', async () => {
    const folder = join(root, 'notebooks');
    const verified = await place.npulab(['verify', place.path('link.html'), '--folder', folder, '--json']);
    expect(verified.stderr).not.toContain('Error');
    const { equal, differences, comparedOutputs, volatileOutputs } = JSON.parse(verified.stdout);
    expect({ equal, differences }).toEqual({ equal: true, differences: [] });
    expect(comparedOutputs).toBeGreaterThanOrEqual(3);
    expect(volatileOutputs).toBeGreaterThanOrEqual(4);
    expect(verified.status).toBe(0);
  }, 240_000);

  it('fails with the name of the missing program instead of waiting, where it is run without the files beside it', async () => {
    const verified = await place.npulab(['verify', place.path('link.html')]);
    expect(verified.status).toBe(1);
    expect(verified.stderr).toContain('null_modem.py');
    expect(verified.stderr).toContain('ended with status 2 and said nothing');
  }, 240_000);
});
