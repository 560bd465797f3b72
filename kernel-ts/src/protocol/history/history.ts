/**
 * What was typed, and how the past is asked for. Knows sessions, lines and patterns; refuses to know where entries are kept.
 *
 * A line is remembered when its cell starts, so that a crash loses no input; its output is added when the cell has ended.
 */

/** One cell of the past. Sessions count from 1 in the order in which they wrote their first line. */
export interface HistoryEntry {
  readonly session: number;
  /** The cell's execution count. */
  readonly line: number;
  readonly input: string;
  /** `text/plain` of the cell's result. */
  readonly output: string | undefined;
}

/** The entries of all sessions, oldest first, and the number of the session that asks. */
export interface Past {
  readonly entries: readonly HistoryEntry[];
  readonly session: number;
}

/** Where entries are kept. */
export interface History {
  /** Remembers a cell that starts. */
  input(line: number, input: string): void;
  /** Adds the result of a cell of this session. */
  output(line: number, output: string): void;
  /** Everything so far, this session's newest cell included. */
  past(): Promise<Past>;
  /** Resolves when everything so far is where it belongs. */
  flushed(): Promise<void>;
}

/** Most UTF-16 units of a result that are kept. */
export const maxOutputLength = 10_000;

/** A history that ends with the kernel. */
export function memoryHistory(): History {
  const entries: HistoryEntry[] = [];
  return {
    input: (line, input) => void entries.push({ session: 1, line, input, output: undefined }),
    output(line, output) {
      const at = entries.findLastIndex((entry) => entry.line === line);
      const entry = entries[at];
      if (entry) entries[at] = { ...entry, output: output.slice(0, maxOutputLength) };
    },
    past: async () => ({ entries, session: 1 }),
    flushed: async () => {},
  };
}

/** The last `count` entries. */
export function tail({ entries }: Past, count: number): HistoryEntry[] {
  return count <= 0 ? [] : entries.slice(-count);
}

/** Lines `start` (included) to `stop` (excluded) of a session: 0 is the asking one, -1 the one before it. */
export function range(past: Past, session: number, start: number, stop: number | undefined): HistoryEntry[] {
  const wanted = session > 0 ? session : past.session + session;
  return past.entries.filter(
    (entry) => entry.session === wanted && entry.line >= start && (stop === undefined || entry.line < stop),
  );
}

/** The last `count` entries whose whole input matches a pattern of `*` and `?`; `unique` keeps the newest of equal inputs. */
export function search(past: Past, pattern: string, count: number | undefined, unique: boolean): HistoryEntry[] {
  const glob = globMatcher(pattern);
  const found = past.entries.filter((entry) => glob(entry.input));
  const newest = new Map(found.map((entry) => [entry.input, entry]));
  const kept = unique ? found.filter((entry) => newest.get(entry.input) === entry) : found;
  return count === undefined ? kept : count <= 0 ? [] : kept.slice(-count);
}

/** Linear in pattern times text: a pattern from the wire must not be able to stall the kernel, as a regular expression could. */
function globMatcher(pattern: string): (text: string) => boolean {
  const wanted = [...pattern];
  return (input) => {
    const text = [...input];
    let [at, star, from] = [0, -1, 0];
    let p = 0;
    while (at < text.length) {
      if (p < wanted.length && wanted[p] === '*') [star, from, p] = [p, at, p + 1];
      else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === text[at])) [at, p] = [at + 1, p + 1];
      else if (star >= 0) [from, at, p] = [from + 1, from + 1, star + 1];
      else return false;
    }
    while (wanted[p] === '*') p += 1;
    return p === wanted.length;
  };
}
