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
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface LatencyOptions {
  readonly by?: 'layer' | 'operator' | 'token';
  readonly title?: string;
  /** Bytes per second no transfer can beat; drawn beside each bar as the time its bytes need at least. */
  readonly boundBytesPerSecond?: number;
}

export interface LatencyGroup {
  /** Layer ("layer 3", or the operator's name outside the layers), operator ("mlp.down_proj") or token position. */
  readonly group: string;
  readonly modelledUs: number;
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
  const sums = new Map<string, { us: number; bytes: number }>();
  for (const record of records) {
    if (record.modelledUs === null) continue;
    const name = groupName(record, options.by ?? 'layer');
    const sum = sums.get(name) ?? { us: 0, bytes: 0 };
    sums.set(name, { us: sum.us + record.modelledUs, bytes: sum.bytes + record.bytesRead + record.bytesWritten });
  }
  const bound = options.boundBytesPerSecond;
  return [...sums].map(([group, { us, bytes }]) => ({
    group,
    modelledUs: us,
    boundUs: bound === undefined || bound <= 0 ? null : (bytes / bound) * 1e6,
    bytesMoved: bytes,
  }));
}

/**
 * Bars of modelled NPU time per layer (or operator, or token), with a tick where the bandwidth bound lies.
 *
 * @example latencyChart(step.records, { by: 'layer', boundBytesPerSecond: board.info.bandwidthBoundBytesPerSecond })
 */
export function latencyChart(records: readonly LatencyRecord[], options: LatencyOptions = {}): Displayable {
  const by = options.by ?? 'layer';
  const groups = latencyGroups(records, options);
  const total = groups.reduce((sum, { modelledUs }) => sum + modelledUs, 0);
  const bound = groups.reduce((sum, { boundUs }) => sum + (boundUs ?? 0), 0);
  const title = options.title ?? `Modelled latency per ${by} (NPU only)`;
  const y = { field: 'group', type: 'nominal', sort: null, title: null };
  const bars = {
    mark: { type: 'bar', color: '#4c78a8' },
    encoding: { x: { field: 'modelledUs', type: 'quantitative', title: 'modelled µs' }, y },
  };
  const ticks = {
    mark: { type: 'tick', color: '#e45756', thickness: 2 },
    encoding: { x: { field: 'boundUs', type: 'quantitative' }, y },
  };
  const subtitle =
    bound > 0
      ? `total ${microsecondsText(total)}; red: least time for the same bytes, ${microsecondsText(bound)} (${significant((100 * bound) / total, 3)} % of the total)`
      : `total ${microsecondsText(total)}`;
  const spec = {
    title: { text: title, subtitle },
    width: figureSize().widthPx ?? 520,
    height: { step: 18 },
    data: { values: groups },
    layer: bound > 0 ? [bars, ticks] : [bars],
  };
  const lines = groups.map(({ group, modelledUs }) => `  ${group}: ${microsecondsText(modelledUs)}`);
  return displayable(() => chartBundle(spec, [`${title}: ${subtitle}`, ...lines].join('\n')));
}
