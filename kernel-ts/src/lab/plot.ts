/** Plots of what runs leave behind: latency per layer, and how near it comes to the bandwidth bound. */
import type { TraceRecord } from '@npulab/board';
import type { LayerError } from '@npulab/quant';
import {
  type ChartSpec,
  chart,
  type Displayable,
  jupyterDisplay,
  type LatencyOptions,
  type LayerErrorOptions,
  latencyChart,
  layerErrorChart,
} from '../display/index.js';
import type { LabBoard } from './board.js';
import { type Menu, menuBundle } from './menus.js';

const menu: Menu<LabPlot> = {
  latency: "lab.plot.latency(run.trace, { by: 'layer', board })  // 'operator', 'token'",
  errors: "lab.plot.errors({ 'GPTQ 4': await lab.quant.layerErrors(model, q, texts) })  // by: 'operator'",
  chart: "lab.plot.chart({ data: { values }, mark: 'line', encoding: { x: { field: 'x' }, y: { field: 'y' } } })",
};

/** A chart that shows itself as the value of a cell or through `display`. */
export class LabPlot implements Displayable {
  /**
   * Modelled latency per layer, operator or token. With `board`, each bar tells how long the MAC array works and how long
   * it waits, and has a mark at the least time its bytes need.
   *
   * @example lab.plot.latency(run.trace, { by: 'layer', board })
   */
  latency(records: readonly TraceRecord[], options: LatencyOptions & { readonly board?: LabBoard } = {}): Displayable {
    const { board, ...rest } = options;
    const limits =
      board === undefined
        ? {}
        : { arrayHz: board.info.npuClockHz, boundBytesPerSecond: board.info.bandwidthBoundBytesPerSecond ?? 0 };
    return latencyChart(records, { ...limits, ...rest });
  }

  /**
   * What quantizing did, for one or more variants: the error after each layer, or `by: 'operator'` what each adds alone.
   *
   * @example lab.plot.errors({ 'GPTQ 4': await lab.quant.layerErrors(model, gptq4, texts) })
   */
  errors(variants: Readonly<Record<string, readonly LayerError[]>>, options: LayerErrorOptions = {}): Displayable {
    return layerErrorChart(variants, options);
  }

  /** Any Vega-Lite specification. */
  chart(spec: ChartSpec, text?: string): Displayable {
    return chart(spec, text);
  }

  [jupyterDisplay]() {
    return menuBundle('Charts', menu);
  }
}
