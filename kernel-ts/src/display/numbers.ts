/** Numbers as people read them. Never depends on the locale, so that the same run prints the same text anywhere. */

/** Groups thousands with a thin apostrophe-free space: 1234567 → `1 234 567`. */
export function grouped(value: number | bigint): string {
  const [whole = '', fraction] = String(value).split('.');
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** At most `digits` significant digits, no trailing zeros, exponents only beyond 1e15 or below 1e-4. */
export function significant(value: number, digits = 5): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return grouped(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e15) return value.toExponential(digits - 1).replace(/\.?0+e/, 'e');
  const rounded = Number(value.toPrecision(digits));
  return grouped(rounded);
}

/** Bytes with a binary unit: 1536 → `1.5 KiB`. */
export function bytesText(sizeBytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = sizeBytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : Number(value.toFixed(value < 10 ? 2 : 1))} ${units[unit]}`;
}

/** Microseconds with a unit that keeps the number readable: 1234 → `1.234 ms`. */
export function microsecondsText(us: number): string {
  if (us >= 1e6) return `${significant(us / 1e6, 4)} s`;
  if (us >= 1e3) return `${significant(us / 1e3, 4)} ms`;
  return `${significant(us, 4)} µs`;
}

/** How much longer something takes, as an estimate deserves: `about 40 s left`, `about 3 min left`; nothing below a second. */
export function timeLeftText(ms: number): string {
  if (!(ms >= 1000)) return '';
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `about ${seconds} s left`;
  if (seconds < 7200) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${significant(seconds / 3600, 2)} h left`;
}

/** One cell of a table, as text. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return significant(value);
  if (typeof value === 'bigint') return grouped(value);
  if (typeof value === 'object') return JSON.stringify(value) ?? String(value);
  return String(value);
}
