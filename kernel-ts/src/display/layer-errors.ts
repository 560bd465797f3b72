/** Charts of what quantizing did to a model: its error after each layer, or the error each kind of operator adds alone. */
import { type Displayable, displayable } from './bundle.js';
import { chartBundle } from './chart.js';
import { figureSize } from './figure-size.js';
import { significant } from './numbers.js';

/** The fields of a layer error that a chart needs; relative errors are ‖quantized − float‖ / ‖float‖. */
export interface LayerErrorLike {
  readonly operator: string;
  /** Decoder layer; −1 outside the layers. */
  readonly layer: number;
  /** Errors of everything before included. */
  readonly entireRelativeL2: number;
  /** Of the operator alone, fed the float input; null for operators without weights. */
  readonly singleRelativeL2: number | null;
}

export interface LayerErrorOptions {
  /** `layer` (default): the residual stream after each layer. `operator`: each kind of operator alone, mean over the layers. */
  readonly by?: 'layer' | 'operator';
  readonly title?: string;
}

/** A value of the chart. */
interface Point {
  readonly variant: string;
  /** Layer, or kind of operator (`mlp.down_proj`). */
  readonly at: number | string;
  readonly relativeError: number;
}

/** The residual stream leaves a layer with its last operator. */
function afterLayers(variant: string, errors: readonly LayerErrorLike[]): Point[] {
  return errors
    .filter(({ operator, layer }) => layer >= 0 && operator.endsWith('.mlp_residual'))
    .map(({ layer, entireRelativeL2 }) => ({ variant, at: layer, relativeError: entireRelativeL2 }));
}

function ofOperators(variant: string, errors: readonly LayerErrorLike[]): Point[] {
  const kinds = new Map<string, number[]>();
  for (const { operator, singleRelativeL2 } of errors) {
    if (singleRelativeL2 === null) continue;
    const kind = operator.replace(/^layers\.\d+\./, '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), singleRelativeL2]);
  }
  return [...kinds].map(([at, values]) => ({
    ...{ variant, at },
    relativeError: values.reduce((sum, value) => sum + value, 0) / values.length,
  }));
}

/**
 * Relative error of one or more quantized models against the float one, one line (by layer) or group of bars (by operator) each.
 *
 * @example layerErrorChart({ 'GPTQ 4': errors, 'RTN 4': rtnErrors })
 */
export function layerErrorChart(
  variants: Readonly<Record<string, readonly LayerErrorLike[]>>,
  options: LayerErrorOptions = {},
): Displayable {
  const byLayer = options.by !== 'operator';
  const points = Object.entries(variants).flatMap(([variant, errors]) =>
    byLayer ? afterLayers(variant, errors) : ofOperators(variant, errors),
  );
  const title =
    options.title ??
    (byLayer ? 'Relative error of the residual stream after each layer' : 'Relative error of each operator alone');
  const y = { field: 'relativeError', type: 'quantitative', title: 'relative error' };
  const color = { field: 'variant', type: 'nominal', sort: null, title: null };
  const spec = {
    ...{ title, width: figureSize().widthPx ?? 520, height: figureSize().heightPx ?? 220, data: { values: points } },
    mark: byLayer ? { type: 'line', point: true } : { type: 'bar' },
    encoding: byLayer
      ? { x: { field: 'at', type: 'ordinal', title: 'layer', axis: { labelAngle: 0 } }, y, color }
      : {
          x: { field: 'at', type: 'nominal', sort: null, title: null },
          xOffset: { field: 'variant', sort: null },
          y,
          color,
        },
  };
  const lines = points.map(
    ({ variant, at, relativeError }) =>
      `  ${variant}, ${byLayer ? `layer ${at}` : at}: ${significant(relativeError, 4)}`,
  );
  return displayable(() => chartBundle(spec, [title, ...lines].join('\n')));
}
