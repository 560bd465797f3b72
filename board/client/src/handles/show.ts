/** How objects show themselves: one honest line, or a small card. Knows cached facts only; never goes over the wire. */

const inspect = Symbol.for('nodejs.util.inspect.custom');
const jupyter = Symbol.for('Jupyter.display');

/** A line and rows of facts. */
export interface Facts {
  line: string;
  title: string;
  rows: readonly (readonly [string, string])[];
}

/** Base of everything a cell can print. */
export abstract class Shown {
  /** Facts as they are known here now. */
  protected abstract facts(): Facts;

  toString(): string {
    return this.facts().line;
  }

  [inspect](): string {
    return this.facts().line;
  }

  /** MIME bundle of a small card. */
  [jupyter](): Record<string, string> {
    const { line, title, rows } = this.facts();
    const cells = rows
      .map(
        ([name, value]) =>
          `<tr><th scope="row" style="text-align:left;font-weight:normal;opacity:.7">${escapeHtml(name)}</th><td style="text-align:left">${escapeHtml(value)}</td></tr>`,
      )
      .join('');
    return {
      'text/html': `<table><caption style="text-align:left;font-weight:bold">${escapeHtml(title)}</caption><tbody>${cells}</tbody></table>`,
      'text/plain': line,
    };
  }
}

/** A size for people: exact below 1 KiB, else three figures. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[unit]}`;
}

/** A frequency for people; 0 and null are clocks nobody knows. */
export function hertz(value: number | null): string {
  if (!value) return 'unknown';
  return value >= 1e9 ? `${value / 1e9} GHz` : `${value / 1e6} MHz`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
