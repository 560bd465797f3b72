import { afterEach, describe, expect, it, vi } from 'vitest';
import { chart, latencyChart, latencyGroups, present } from '../../src/display/index.js';

const record = (operator: string, layer: number | null, modelledUs: number | null, bytesRead = 800) => ({
  ...{ operator, layer, modelledUs, bytesRead, bytesWritten: 200, kind: 'matmul', position: 3 },
  cycles: modelledUs === null ? 0 : 600,
  runsOn: modelledUs === null ? ('cpu' as const) : ('npu' as const),
});
const records = [
  record('layers.0.self_attn.q_proj', 0, 2),
  record('layers.0.self_attn.rope', 0, null),
  record('layers.0.mlp.down_proj', 0, 3),
  record('lm_head', null, 10),
];

describe('latency groups', () => {
  it('add up the NPU operators of a layer and leave out the CPU, which carries no modelled time', () => {
    expect(latencyGroups(records, { by: 'layer', arrayHz: 6e8, boundBytesPerSecond: 1e9 })).toEqual([
      { group: 'layer 0', modelledUs: 5, arrayUs: 2, boundUs: 2, bytesMoved: 2000 },
      { group: 'lm_head', modelledUs: 10, arrayUs: 1, boundUs: 1, bytesMoved: 1000 },
    ]);
  });

  it('group by operator over layers, and by token', () => {
    expect(latencyGroups(records, { by: 'operator' }).map(({ group }) => group)).toEqual([
      'self_attn.q_proj',
      'mlp.down_proj',
      'lm_head',
    ]);
    expect(latencyGroups(records, { by: 'token' })).toEqual([
      { group: 'token 3', modelledUs: 15, arrayUs: null, boundUs: null, bytesMoved: 3000 },
    ]);
  });
});

describe('latency chart', () => {
  it('is a Vega-Lite specification with a static SVG and a text, all saying that the time is modelled', async () => {
    const bundle = await present(latencyChart(records, { boundBytesPerSecond: 1e9 }));
    expect(Object.keys(bundle ?? {})).toEqual(['application/vnd.vegalite.v5+json', 'image/svg+xml', 'text/plain']);
    expect(bundle?.['text/plain']).toBe(
      'Modelled latency per layer (NPU only): total 15 µs; red: least time for the same bytes, 3 µs (20 %)\n  layer 0: 5 µs\n  lm_head: 10 µs',
    );
    const svg = String(bundle?.['image/svg+xml']);
    expect(svg.startsWith('<svg')).toBe(true);
    expect(svg).toContain('Modelled latency per layer (NPU only)');
    expect(svg).toContain('modelled µs');
  });

  it('parts each bar into the time in which the MAC array works and the time in which it waits', async () => {
    const bundle = await present(latencyChart(records, { arrayHz: 6e8 }));
    expect(bundle?.['text/plain']).toBe(
      'Modelled latency per layer (NPU only): total 15 µs; the MAC array works 3 µs (20 %), else it waits for memory or a job to start\n  layer 0: 5 µs\n  lm_head: 10 µs',
    );
    const bars = [
      ...String(bundle?.['image/svg+xml']).matchAll(/aria-label="modelled µs: ([\d.]+)[^"]*part: ([^"]+)"/g),
    ];
    expect(bars.map(([, us, part]) => `${part}: ${us}`).sort()).toEqual([
      'MAC array waits: 3',
      'MAC array waits: 9',
      'MAC array works: 1',
      'MAC array works: 2',
    ]);
  });

  it('draws the same bytes twice', async () => {
    const [first, second] = await Promise.all([present(latencyChart(records)), present(latencyChart(records))]);
    expect(first).toEqual(second);
  });
});

describe('the size of a chart', () => {
  afterEach(() => vi.unstubAllEnvs());
  const spec = {
    data: { values: [{ x: 1, y: 2 }] },
    mark: 'point',
    encoding: { x: { field: 'x' }, y: { field: 'y' } },
  };
  const size = async (given: Record<string, unknown>): Promise<string[]> => {
    const svg = String((await present(chart({ ...spec, ...given })))?.['image/svg+xml']);
    return [...(/^<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg)?.slice(1) ?? [])];
  };

  it('is what Quarto asks for in inches, axes included', async () => {
    vi.stubEnv('QUARTO_FIG_WIDTH', '7');
    vi.stubEnv('QUARTO_FIG_HEIGHT', '2.5');
    expect(await size({})).toEqual(['672', '240']);
  });

  it('is its own where it says one, and Quarto is not listened to where it says no number', async () => {
    const own = await size({ width: 300, height: 100 });
    vi.stubEnv('QUARTO_FIG_WIDTH', '7');
    vi.stubEnv('QUARTO_FIG_HEIGHT', 'wide');
    expect(await size({ width: 300, height: 100 })).toEqual(own);
    expect((await size({}))[0]).toBe('672');
  });
});
