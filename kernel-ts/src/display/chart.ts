/**
 * Charts are Vega-Lite specifications. A bundle carries the specification (drawn by JupyterLab, which knows major 5),
 * a static SVG for everything else, and one line of text. Vega loads with the first chart, not at start.
 */
import { type Bundle, type Displayable, displayable } from './bundle.js';
import { figureSize } from './figure-size.js';

/** A Vega-Lite specification, kept inside what majors 5 and 6 both accept. */
export type ChartSpec = Readonly<Record<string, unknown>>;

const schema = 'https://vega.github.io/schema/vega-lite/v5.json';

/** Look of every chart: legible on white and on paper, wide enough for operator names. */
const look = {
  background: 'white',
  font: 'DejaVu Sans, Helvetica, Arial, sans-serif',
  axis: { labelFontSize: 11, titleFontSize: 12, gridColor: '#e6e6e6', labelLimit: 260 },
  legend: { labelFontSize: 11, titleFontSize: 12 },
  title: { fontSize: 14, anchor: 'start' },
  view: { stroke: null },
};

/** Draws a specification without a browser. The same specification gives the same SVG bytes. */
export async function svgOf(spec: ChartSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const quiet = vega.logger(vega.Error);
  // Vega marks the data it is given: draw a copy, so that the specification stays plain JSON.
  const compiled = vegaLite.compile(structuredClone(spec) as never, { logger: quiet as never });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logger: quiet });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** As wide and high as the publishing tool asks, axes and titles included, where the specification does not say itself. */
function sized(spec: ChartSpec): ChartSpec {
  const { widthPx, heightPx } = figureSize();
  const isUnit = 'mark' in spec || 'layer' in spec;
  const width = isUnit && widthPx !== undefined && spec.width === undefined ? { width: widthPx } : {};
  const height = isUnit && heightPx !== undefined && spec.height === undefined ? { height: heightPx } : {};
  const asked = { ...width, ...height };
  return Object.keys(asked).length === 0 ? spec : { autosize: { type: 'fit', contains: 'padding' }, ...asked, ...spec };
}

/** Bundle of a chart. `text` is what a reader without pictures gets. */
export async function chartBundle(spec: ChartSpec, text: string): Promise<Bundle> {
  const full = { $schema: schema, ...sized(spec), config: { ...look, ...(spec.config as object | undefined) } };
  return {
    'application/vnd.vegalite.v5+json': full,
    'image/svg+xml': await svgOf(full),
    'text/plain': text,
  };
}

/**
 * Shows a Vega-Lite chart.
 *
 * @example chart({ data: { values: [{ x: 1, y: 2 }] }, mark: 'point', encoding: { x: { field: 'x' }, y: { field: 'y' } } })
 */
export function chart(spec: ChartSpec, text?: string): Displayable {
  const title = typeof spec.title === 'string' ? spec.title : 'chart';
  return displayable(() => chartBundle(spec, text ?? `[chart: ${title}]`));
}
