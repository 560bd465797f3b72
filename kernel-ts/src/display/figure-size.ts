/**
 * The size a publishing tool asks of plots. Quarto says it to every kernel in `QUARTO_FIG_WIDTH` and `QUARTO_FIG_HEIGHT`, in
 * inches; pictures here are vectors, so its dots per inch do not matter: CSS has 96 pixels to the inch.
 */

export interface FigureSize {
  readonly widthPx?: number;
  readonly heightPx?: number;
}

const pixelsPerInch = 96;

function pixels(inches: string | undefined): number | undefined {
  const value = Number(inches);
  return value > 0 && value < 100 ? Math.round(value * pixelsPerInch) : undefined;
}

/** What `environment` asks for; nothing for what it leaves out or does not say as a number of inches below 100. */
export function figureSize(environment: Readonly<Record<string, string | undefined>> = process.env): FigureSize {
  const [widthPx, heightPx] = [pixels(environment.QUARTO_FIG_WIDTH), pixels(environment.QUARTO_FIG_HEIGHT)];
  return { ...(widthPx === undefined ? {} : { widthPx }), ...(heightPx === undefined ? {} : { heightPx }) };
}
