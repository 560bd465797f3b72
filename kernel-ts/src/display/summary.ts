/** Figures of a tensor or a buffer, as the board computes them: a card with the histogram as a picture. */
import { type Bundle, displayable } from './bundle.js';
import { card } from './card.js';
import { significant } from './numbers.js';
import { stacked } from './shown-as.js';

/** The part of a summary that is shown; recognised by shape, because tensors and buffers both give one. */
export interface SummaryLike {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly nanCount: number;
  /** Counts of equal bins from `min` to `max`. */
  readonly histogram: readonly number[];
  /** SHA-256 of the bytes, in hex. */
  readonly digest: string;
  readonly cosine: number | null;
  readonly euclideanDistance: number | null;
}

export function isSummary(value: unknown): value is SummaryLike {
  if (typeof value !== 'object' || value === null) return false;
  const { histogram, standardDeviation, nanCount, digest } = value as Partial<SummaryLike>;
  return (
    Array.isArray(histogram) &&
    typeof standardDeviation === 'number' &&
    typeof nanCount === 'number' &&
    typeof digest === 'string'
  );
}

const barWidth = 8;
const height = 64;
const blocks = ' ▁▂▃▄▅▆▇█';

/** Bars from the least value on the left to the greatest on the right; a bin that holds anything is seen. */
function histogramSvg({ histogram, min, max }: SummaryLike): string {
  const most = Math.max(1, ...histogram);
  const width = histogram.length * barWidth;
  const bars = histogram.map((count, bin) => {
    const tall = count === 0 ? 0 : Math.max(1, Math.round((count / most) * height));
    return `<rect x="${bin * barWidth}" y="${height - tall}" width="${barWidth - 1}" height="${tall}"/>`;
  });
  const label = (x: number, anchor: string, value: number): string =>
    `<text x="${x}" y="${height + 14}" text-anchor="${anchor}">${significant(value, 4)}</text>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + 18}" role="img" aria-label="histogram">` +
    `<g fill="#4c78a8">${bars.join('')}</g>` +
    `<g fill="currentColor" font-size="11">${label(0, 'start', min)}${label(width, 'end', max)}</g></svg>`
  );
}

/** The same in one line of blocks. */
function histogramText({ histogram }: SummaryLike): string {
  const most = Math.max(1, ...histogram);
  return histogram.map((count) => blocks[count === 0 ? 0 : Math.ceil((count / most) * 8)]).join('');
}

/** Bundle of a summary. */
export function summaryBundle(summary: SummaryLike): Promise<Bundle> {
  const { min, max, mean, standardDeviation, nanCount, cosine, euclideanDistance, digest } = summary;
  return stacked([
    card('Summary', {
      range: `${significant(min)} … ${significant(max)}`,
      mean,
      'std. dev.': standardDeviation,
      ...(nanCount === 0 ? {} : { NaNs: nanCount }),
      ...(cosine === null ? {} : { 'cosine to the reference': cosine }),
      ...(euclideanDistance === null ? {} : { 'distance to the reference': euclideanDistance }),
      'sha-256': digest.slice(0, 16),
    }),
    displayable(() => ({ 'text/html': histogramSvg(summary), 'text/plain': histogramText(summary) })),
  ]);
}
