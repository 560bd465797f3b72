/** Turns whatever was thrown into name, value and traceback. Never throws: getters and proxies of the user may. */
import { inspect } from 'node:util';
import { withoutMarks } from '../cell-binding.js';
import type { ShownError } from '../types.js';
import { hiddenFolders } from './frames.js';

const MAX_CAUSES = 8;

/** Longest text of one error; what is cut is said. */
const MAX_CHARACTERS = 20_000;

/** Describes a thrown value; `explain` adds lines such as code and remedy. */
export function showError(thrown: unknown, explain: (error: unknown) => readonly string[]): ShownError {
  try {
    if (!isError(thrown)) return showValue(thrown);
    const ename = String(thrown.name || 'Error');
    const evalue = String(thrown.message ?? '');
    const traceback: string[] = [];
    let error: unknown = thrown;
    const shown = new Set<unknown>();
    for (let depth = 0; depth < MAX_CAUSES && error !== undefined && error !== null; depth++) {
      if (shown.has(error)) {
        traceback.push(`caused by: ${headOf(error)} (above)`);
        break;
      }
      shown.add(error);
      if (!isError(error)) {
        traceback.push(`caused by: ${inspect(error, { depth: 2 })}`);
        break;
      }
      const lines = errorLines(error, explain);
      traceback.push(...(depth === 0 ? lines : [`caused by: ${lines[0]}`, ...lines.slice(1)]));
      if (error.name === 'SuppressedError') traceback.push(...suppressedLines(error as Partial<SuppressedError>));
      if (error instanceof AggregateError) for (const one of error.errors) traceback.push(`  one of: ${headOf(one)}`);
      error = error.cause;
    }
    return { ename: clip(ename), evalue: clip(withoutMarks(evalue)), traceback: traceback.map(clip) };
  } catch (failure) {
    return {
      ename: 'Error',
      evalue: 'the thrown value cannot be shown',
      traceback: [`the thrown value cannot be shown: ${String(failure)}`],
    };
  }
}

function errorLines(error: Error, explain: (error: unknown) => readonly string[]): string[] {
  const head = headOf(error);
  const stack = typeof error.stack === 'string' ? error.stack : '';
  // An error of a worker thread brings its frames as text, Node's own among them.
  const inner = ['node:internal/', ...hiddenFolders()];
  const frames = stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !inner.some((place) => line.includes(place)));
  let more: readonly string[] = [];
  try {
    more = explain(error);
  } catch (failure) {
    more = [`(the explanation of this error failed: ${String(failure)})`];
  }
  return [...head.split('\n'), ...more, ...folded(frames)];
}

/** Frames of a recursion: the first, and how often it comes again. */
function folded(frames: readonly string[]): string[] {
  const lines: string[] = [];
  for (let index = 0; index < frames.length; ) {
    let next = index + 1;
    while (frames[next] === frames[index]) next++;
    lines.push(frames[index] as string);
    if (next - index > 2) lines.push(`    (the same frame ${next - index - 1} times more)`);
    else if (next - index === 2) lines.push(frames[index] as string);
    index = next;
  }
  return lines;
}

function headOf(error: unknown): string {
  return isError(error)
    ? `${error.name}: ${withoutMarks(error.message)}`.replace(/: $/, '')
    : inspect(error, { depth: 1 });
}

/** An error of a disposal and the one that it hides. */
function suppressedLines({ error, suppressed }: Partial<SuppressedError>): string[] {
  return [`  thrown while disposing: ${headOf(error)}`, `  after: ${headOf(suppressed)}`];
}

function showValue(thrown: unknown): ShownError {
  const kind = thrown === null ? 'null' : typeof thrown;
  const evalue = clip(typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 4 }));
  return {
    ename: `Thrown ${kind}`,
    evalue,
    traceback: [`Thrown ${kind}: ${evalue}`, '(not an Error: there are no stack frames)'],
  };
}

function isError(value: unknown): value is Error & { cause?: unknown } {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}

function clip(text: string): string {
  return text.length <= MAX_CHARACTERS
    ? text
    : `${text.slice(0, MAX_CHARACTERS)}… (${text.length - MAX_CHARACTERS} characters more)`;
}
