/** What one operator of a forward pass cost. Knows the public shape only. */

/** One executed operator. Latency is always the difference of two stamps of the board's own clock. */
export interface TraceRecord {
  /** For example `layers.3.mlp.down_proj`. */
  operator: string;
  /** Layer it belongs to; null for embedding, final norm, head and sampling. */
  layer: number | null;
  /** For example `matmul`, `rmsNorm`. */
  kind: string;
  runsOn: 'npu' | 'cpu';
  /** Position of the first row in the sequence. */
  position: number;
  /** Rows (tokens) handled at once. */
  rows: number;
  /** The board's clock, ticks of `BoardInfo.clockHz`; above 2^53 rounded to the nearest representable tick. */
  startTicks: number;
  endTicks: number;
  /** Time by the timing model in µs; null for CPU operators and back ends without a model. Never a measurement. */
  modelledUs: number | null;
  /** Modelled cycles of the MAC array; 0 where there are none. */
  cycles: number;
  bytesRead: number;
  bytesWritten: number;
  macs: number;
}
