export { type Bundle, type Displayable, displayable, escapeHtml, jupyterDisplay } from './bundle.js';
export { card } from './card.js';
export { type ChartSpec, chart, chartBundle, svgOf } from './chart.js';
export {
  createDisplay,
  type DisplayFunctions,
  type DisplayHost,
  type DisplayOptions,
  volatileMetadata,
} from './display.js';
export { type LatencyGroup, type LatencyOptions, type LatencyRecord, latencyChart, latencyGroups } from './latency.js';
export { type LayerErrorLike, type LayerErrorOptions, layerErrorChart } from './layer-errors.js';
export { bytesText, grouped, microsecondsText, significant, timeLeftText } from './numbers.js';
export { present } from './present.js';
export { Progress, type ProgressOptions } from './progress.js';
export { shownAs, stacked } from './shown-as.js';
export { type ArrowLike, type TableOptions, table, tableBundle } from './table.js';
export { html, md, svg, tex } from './tags.js';
export { createWidgets, type Widgets } from './widgets/index.js';
