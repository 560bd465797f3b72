/**
 * Latency per layer, operator or token from trace records. All times here are *modelled* NPU times: operators that run
 * on the CPU carry none, so every title and total says "NPU only".
 */
import { type Displayable, displayable } from './bundle.js';
import { chartBundle } from './chart.js';
import { figureSize } from './figure-size.js';
import { microsecondsText, significant } from './numbers.js';

/** The fields of a trace record that a plot needs. */
export interface LatencyRecord {
  readonly operator: string;
  readonly layer: number | null;
  readonly kind: string;
  readonly runsOn: 'cpu' | 'npu';
  readonly position: number;
  readonly modelledUs: number | null;
  /** Of the MAC array. */
  readonly cycles: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface LatencyOptions {
  readonly by?: 'layer' | 'operator' | 'token';
  readonly title?: string;
  /** Bytes per second no transfer can beat; drawn beside each bar as the time its bytes need at least. */
  readonly boundBytesPerSecond?: number;
  /** Clock of the MAC array; with it, each bar tells the time in which the array works from the time in which it waits. */
  readonly arrayHz?: number;
}

export interface LatencyGroup {
  /** Layer ("layer 3", or the operator's name outside the layers), operator ("mlp.down_proj") or token position. */
  readonly group: string;
  readonly modelledUs: number;
  /** Part of `modelledUs` in which the MAC array works; in the rest it waits for memory or for a job to start. */
  readonly arrayUs: number | null;
  readonly boundUs: number | null;
  readonly bytesMoved: number;
}

function groupName(record: LatencyRecord, by: LatencyOptions['by']): string {
  if (by === 'token') return `token ${record.position}`;
  if (by === 'operator') return record.operator.replace(/^layers\.\d+\./, '');
  return record.layer === null ? record.operator : `layer ${record.layer}`;
}

/** Sums of the NPU operators' modelled time and bytes, in order of first appearance. */
export function latencyGroups(records: readonly LatencyRecord[], options: LatencyOptions = {}): LatencyGroup[] {
  const sums = new Map<string, { us: number; cycles: number; bytes: number }>();
  for (const record of records) {
    if (record.modelledUs === null) continue;
    const name = groupName(record, options.by ?? 'layer');
    const sum = sums.get(name) ?? { us: 0, cycles: 0, bytes: 0 };
    sum.us += record.modelledUs;
    sum.cycles += record.cycles;
    sum.bytes += record.bytesRead + record.bytesWritten;
    sums.set(name, sum);
  }
  return [...sums].map(([group, { us, cycles, bytes }]) => ({
    group,
    modelledUs: us,
    arrayUs: microseconds(cycles, options.arrayHz),
    boundUs: microseconds(bytes, options.boundBytesPerSecond),
    bytesMoved: bytes,
  }));
}

/** Null without a rate. */
function microseconds(amount: number, perSecond: number | undefined): number | null {
  return perSecond === undefined || perSecond <= 0 ? null : (amount / perSecond) * 1e6;
}

/** Of a bar and its parts, which differ in lightness too, and of the tick. */
const colours = { works: '#4c78a8', waits: '#c6dbef', bound: '#e45756' };
const parts = ['MAC array works', 'MAC array waits'];

/**
 * Bars of modelled NPU time per layer (or operator, or token), each parted into the time in which the MAC array works and the
 * time in which it waits, with a tick where the bandwidth bound lies.
 *
 * @example latencyChart(step.records, { by: 'layer', boundBytesPerSecond: board.info.bandwidthBoundBytesPerSecond })
 */
export function latencyChart(records: readonly LatencyRecord[], options: LatencyOptions = {}): Displayable {
  const by = options.by ?? 'layer';
  const groups = latencyGroups(records, options);
  const sum = (of: (group: LatencyGroup) => number | null) => groups.reduce((sum, group) => sum + (of(group) ?? 0), 0);
  const total = sum(({ modelledUs }) => modelledUs);
  const array = sum(({ arrayUs }) => arrayUs);
  const bound = sum(({ boundUs }) => boundUs);
  const ofTotal = (us: number) => `${microsecondsText(us)} (${significant((100 * us) / total, 3)} %)`;
  const title = options.title ?? `Modelled latency per ${by} (NPU only)`;
  const subtitle = [
    `total ${microsecondsText(total)}`,
    ...(array > 0 ? [`the MAC array works ${ofTotal(array)}, else it waits for memory or a job to start`] : []),
    ...(bound > 0 ? [`red: least time for the same bytes, ${ofTotal(bound)}`] : []),
  ];
  const spec = {
    title: { text: title, subtitle },
    width: figureSize().widthPx ?? 520,
    height: { step: 18 },
    data: { values: groups },
    layer: [array > 0 ? partedBars() : wholeBars(), ...(bound > 0 ? [boundTicks()] : [])],
  };
  const lines = groups.map(({ group, modelledUs }) => `  ${group}: ${microsecondsText(modelledUs)}`);
  return displayable(() => chartBundle(spec, [`${title}: ${subtitle.join('; ')}`, ...lines].join('\n')));
}

const y = { field: 'group', type: 'nominal', sort: null, title: null };
const time = { type: 'quantitative', title: 'modelled µs' };

function wholeBars() {
  return { mark: { type: 'bar', color: colours.works }, encoding: { x: { ...time, field: 'modelledUs' }, y } };
}

function partedBars() {
  const scale = { domain: parts, range: [colours.works, colours.waits] };
  return {
    transform: [
      { calculate: 'datum.arrayUs', as: parts[0] },
      { calculate: 'datum.modelledUs - datum.arrayUs', as: parts[1] },
      { fold: parts, as: ['part', 'us'] },
    ],
    mark: { type: 'bar' },
    encoding: {
      x: { ...time, field: 'us' },
      y,
      color: { field: 'part', type: 'nominal', scale, legend: { title: null, orient: 'bottom' } },
      order: { field: 'part', sort: 'descending' },
    },
  };
}

function boundTicks() {
  return {
    mark: { type: 'tick', color: colours.bound, thickness: 2 },
    encoding: { x: { field: 'boundUs', type: 'quantitative' }, y },
  };
}
