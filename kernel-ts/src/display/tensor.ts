/** Typed arrays and ndarrays: shape, type, range, first values, and a heat map for matrices. */
import { type Bundle, escapeHtml } from './bundle.js';
import { significant } from './numbers.js';

/** The part of a scijs ndarray this module uses. */
export interface NdarrayLike {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
}

export function isNdarray(value: unknown): value is NdarrayLike {
  if (typeof value !== 'object' || value === null) return false;
  const array = value as Partial<NdarrayLike>;
  return (
    Array.isArray(array.shape) &&
    Array.isArray(array.stride) &&
    typeof array.offset === 'number' &&
    array.data !== undefined
  );
}

export function isTypedArray(value: unknown): value is ArrayLike<number> & ArrayBufferView {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array)
  );
}

const maxSamples = 1 << 20;
const maxPixels = 64;

/** Least and greatest of at most 2^20 evenly spaced elements; NaNs are left out. */
function range(data: ArrayLike<number>): { min: number; max: number } {
  const step = Math.max(1, Math.ceil(data.length / maxSamples));
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < data.length; at += step) {
    const value = data[at] ?? Number.NaN;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/** Blue below the middle, red above, on a symmetric scale: a weight matrix shows its zero. */
function heatMap(array: NdarrayLike, min: number, max: number): string {
  const [rows = 0, columns = 0] = array.shape;
  const [down = 0, right = 0] = array.stride;
  const high = Math.max(Math.abs(min), Math.abs(max)) || 1;
  const height = Math.min(rows, maxPixels);
  const width = Math.min(columns, maxPixels);
  const cells: string[] = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = array.offset + Math.floor((y * rows) / height) * down + Math.floor((x * columns) / width) * right;
      const level = Math.max(-1, Math.min(1, (array.data[at] ?? 0) / high));
      const fade = Math.round(255 * (1 - Math.abs(level)));
      cells.push(
        `<rect x="${x}" y="${y}" width="1" height="1" fill="${level < 0 ? `rgb(${fade},${fade},255)` : `rgb(255,${fade},${fade})`}"/>`,
      );
    }
  }
  const scale = Math.max(2, Math.floor(256 / Math.max(width, height)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width * scale}" height="${height * scale}" viewBox="0 0 ${width} ${height}" shape-rendering="crispEdges">${cells.join('')}</svg>`;
}

/** Bundle of an array: one line of facts, the first values, and for a matrix a picture. */
export function tensorBundle(array: NdarrayLike, type: string): Bundle {
  const count = array.shape.reduce((product, size) => product * size, 1);
  const { min, max } = range(array.data);
  const first = Array.from({ length: Math.min(8, array.data.length) }, (_, at) =>
    significant(array.data[at] ?? 0, 4),
  ).join(', ');
  const facts = `${type} [${array.shape.join(' × ')}], ${count} values, ${significant(min, 4)} … ${significant(max, 4)}`;
  const text =
    count === 0 ? `${type} [${array.shape.join(' × ')}], empty` : `${facts}\n${first}${count > 8 ? ', …' : ''}`;
  const picture = array.shape.length === 2 && count > 1 ? heatMap(array, min, max) : '';
  return {
    'text/html': `<div class="npulab-tensor"><p>${escapeHtml(text).replace('\n', '<br>')}</p>${picture}</div>`,
    'text/plain': text,
  };
}

/** Bundle of a typed array: a tensor of one dimension. */
export function typedArrayBundle(array: ArrayLike<number> & ArrayBufferView): Bundle {
  return tensorBundle({ data: array, shape: [array.length], stride: [1], offset: 0 }, array.constructor.name);
}
