/** Rows of a benchmark and the machine they were taken on, as a table or as JSON. */
import { readFileSync } from 'node:fs';
import { cpus, version as osVersion, totalmem } from 'node:os';

/** One measured number, or (`value` null) a note why it was not measured. */
export interface BenchRow {
  readonly name: string;
  readonly value: number | null;
  readonly unit: string;
  /** What the value is compared with: a limit of the machine, or another program. */
  readonly against?: { readonly what: string; readonly value: number };
  /** Stands where `against` would: why there is nothing to compare with. */
  readonly note?: string;
  /** What was set out to be reached, as it is written in the design (`≤ 2.5`, `≥ 350`). */
  readonly goal?: string;
}

/** Facts without which a number means nothing. */
export function machine(): Record<string, string | number> {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    vectors: vectors(),
    cores: all.length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    os: osVersion(),
    node: process.versions.node,
    arch: process.arch,
  };
}

/** Flags of Linux's /proc/cpuinfo → the widest instructions for sums of bytes, the best first. */
const VECTORS = [
  ['avx512_vnni', 'AVX-512-VNNI'],
  ['avx2', 'AVX2'],
  ['asimddp', 'NEON with dot products'],
  ['asimd', 'NEON'],
] as const;

/** Virtual machines name their processors alike (`AMD EPYC`): what the kernels of this project run on tells them apart. */
function vectors(): string {
  try {
    const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
    return VECTORS.find(([flag]) => flags.has(flag))?.[1] ?? 'no vectors';
  } catch {
    return 'unknown vectors';
  }
}

/** Value ÷ what it is compared with, two digits after the point. */
export function ratio({ value, against }: BenchRow): string {
  return value === null || against === undefined || against.value === 0 ? '' : (value / against.value).toFixed(2);
}

/** The rows under each other, one line of machine facts above. */
export function benchText(name: string, rows: readonly BenchRow[], facts = machine()): string {
  const head = ['name', 'value', 'unit', 'limit or peer', 'ratio', 'goal'];
  const body = rows.map((row) => [
    row.name,
    figure(row.value),
    row.unit,
    row.against ? `${figure(row.against.value)} ${row.against.what}` : (row.note ?? ''),
    ratio(row),
    row.goal ?? '',
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...body.map((line) => (line[i] ?? '').length)));
  const lines = [head, ...body].map((line) =>
    line
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const about = Object.entries(facts).map(([key, value]) => `${key} ${value}`);
  return [`${name}: ${about.join(', ')}`, ...lines, ''].join('\n');
}

function figure(value: number | null): string {
  if (value === null) return '';
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
