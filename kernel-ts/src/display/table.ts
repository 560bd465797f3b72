/**
 * Tables: arrays of records or Apache Arrow tables as HTML with a plain-text twin. Shows the first rows, the columns'
 * types and how many rows there are; never renders more than it was asked to.
 */
import { type Bundle, type Displayable, displayable, escapeHtml } from './bundle.js';
import { cellText, grouped } from './numbers.js';

export interface TableOptions {
  readonly title?: string;
  /** Columns to show, in this order; default: those of the first row. */
  readonly columns?: readonly string[];
  /** Rows to show, default 30. The rest is counted, not shown. */
  readonly maxRows?: number;
}

/** The part of an Arrow table this module uses; recognised by shape, so that Arrow is not loaded to show plain rows. */
export interface ArrowLike {
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: unknown }[] };
  readonly batches: readonly unknown[];
  readonly numRows: number;
  get(row: number): { toJSON(): Record<string, unknown> } | null;
}

export function isArrowTable(value: unknown): value is ArrowLike {
  if (typeof value !== 'object' || value === null) return false;
  const table = value as Partial<ArrowLike>;
  return Array.isArray(table.schema?.fields) && Array.isArray(table.batches) && typeof table.numRows === 'number';
}

interface Shown {
  readonly columns: readonly { readonly name: string; readonly type: string | undefined }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly total: number;
}

function shownOf(source: readonly Record<string, unknown>[] | ArrowLike, options: TableOptions): Shown {
  const maxRows = options.maxRows ?? 30;
  const arrow = isArrowTable(source);
  const total = arrow ? source.numRows : source.length;
  const records: Record<string, unknown>[] = [];
  for (let row = 0; row < Math.min(total, maxRows); row += 1) {
    records.push((arrow ? source.get(row)?.toJSON() : source[row]) ?? {});
  }
  const types = new Map(arrow ? source.schema.fields.map((field) => [field.name, String(field.type)]) : []);
  const names =
    options.columns ?? (arrow ? [...types.keys()] : [...new Set(records.flatMap((record) => Object.keys(record)))]);
  return {
    columns: names.map((name) => ({ name, type: types.get(name) })),
    rows: records.map((record) => names.map((name) => record[name])),
    total,
  };
}

const numeric = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint';

/** Columns of numbers stand to the right, their names too; absent values do not change that. */
function rightColumns({ columns, rows }: Shown): boolean[] {
  return columns.map(
    (_, column) =>
      rows.some((row) => numeric(row[column])) && rows.every((row) => numeric(row[column]) || row[column] == null),
  );
}

function asHtml(shown: Shown, title: string | undefined): string {
  const { columns, rows, total } = shown;
  const styles = rightColumns(shown).map((right) => ` style="text-align:${right ? 'right' : 'left'}"`);
  const head = columns
    .map(({ name, type }, column) => {
      const hint = type === undefined ? '' : ` title="${escapeHtml(type)}"`;
      return `<th${hint}${styles[column]}>${escapeHtml(name)}</th>`;
    })
    .join('');
  const body = rows
    .map((row) => {
      const cells = row.map((value, column) => `<td${styles[column]}>${escapeHtml(cellText(value))}</td>`);
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('\n');
  const caption =
    title === undefined
      ? ''
      : `<caption style="font-weight:600;text-align:left;white-space:nowrap">${escapeHtml(title)}</caption>`;
  const more = total > rows.length ? `<p>${grouped(rows.length)} of ${grouped(total)} rows</p>` : '';
  return `<table class="npulab-table">${caption}<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody></table>${more}`;
}

function asText(shown: Shown, title: string | undefined): string {
  const { columns, rows, total } = shown;
  const cells = rows.map((row) => row.map(cellText));
  const widths = columns.map(({ name }, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (texts: readonly string[], right: (column: number) => boolean): string =>
    texts
      .map((text, column) => (right(column) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rightOnes = rightColumns(shown);
  const lines = [
    ...(title === undefined ? [] : [title]),
    line(
      columns.map(({ name }) => name),
      (column) => rightOnes[column] ?? false,
    ),
    ...cells.map((row) => line(row, (column) => rightOnes[column] ?? false)),
  ];
  if (total > rows.length) lines.push(`(${grouped(rows.length)} of ${grouped(total)} rows)`);
  return lines.join('\n');
}

/** The bundle of a table, at once. */
export function tableBundle(
  source: readonly Record<string, unknown>[] | ArrowLike,
  options: TableOptions = {},
): Bundle {
  const shown = shownOf(source, options);
  return { 'text/html': asHtml(shown, options.title), 'text/plain': asText(shown, options.title) };
}

/**
 * Shows records or an Arrow table.
 *
 * @example table([{ operator: 'lm_head', modelledUs: 12.5 }], { title: 'Slowest' })
 */
export function table(source: readonly Record<string, unknown>[] | ArrowLike, options: TableOptions = {}): Displayable {
  return displayable(() => tableBundle(source, options));
}
