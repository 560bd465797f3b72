/**
 * History as a file of JSON lines that kernels append to, several at the same time. Surprise: a session's number is the
 * rank of its first line in the file, so that kernels need no lock to agree on it.
 *
 * The file is never rewritten. Lines that cannot be read (a torn write, another version) are left out.
 */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type History, type HistoryEntry, maxOutputLength, type Past } from './history.js';

/** A line as it stands in the file. */
interface FileLine {
  readonly session: string;
  readonly line: number;
  readonly input?: string;
  readonly output?: string;
}

/**
 * Opens a history; the file and its folder appear with the first line, readable by the user alone.
 *
 * @param session unique name of this session
 * @param log told once when the file cannot be written; cells go on without it
 */
export function fileHistory(path: string, session: string, log: (line: string) => void): History {
  let writing = Promise.resolve();
  let failed = false;
  let folder: Promise<unknown> | undefined;
  const write = (line: FileLine): void => {
    writing = writing
      .then(async () => {
        folder ??= mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await folder;
        // One append call per line: appended whole or not at all, also beside other kernels.
        await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
      })
      .catch((error: Error) => {
        if (!failed) log(`history: ${path} cannot be written (${error.message}); cells are not remembered`);
        failed = true;
      });
  };
  return {
    input: (line, input) => write({ session, line, input }),
    output: (line, output) => write({ session, line, output: output.slice(0, maxOutputLength) }),
    async past() {
      await writing;
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      return parsePast(text, session);
    },
    flushed: () => writing,
  };
}

function parsePast(text: string, own: string): Past {
  const numbers = new Map<string, number>();
  const entries: HistoryEntry[] = [];
  const places = new Map<string, number>();
  for (const row of text.split('\n')) {
    const parsed = parseLine(row);
    if (!parsed) continue;
    const { session: name, line, input, output } = parsed;
    const session = numbers.get(name) ?? numbers.size + 1;
    numbers.set(name, session);
    const key = `${session}:${line}`;
    if (input !== undefined) {
      places.set(key, entries.length);
      entries.push({ session, line, input, output: undefined });
    }
    const at = places.get(key);
    const entry = at === undefined ? undefined : entries[at];
    if (entry && at !== undefined && output !== undefined) entries[at] = { ...entry, output };
  }
  return { entries, session: numbers.get(own) ?? numbers.size + 1 };
}

function parseLine(row: string): FileLine | undefined {
  let value: Partial<FileLine>;
  try {
    value = JSON.parse(row) as Partial<FileLine>;
  } catch {
    return undefined;
  }
  if (typeof value?.session !== 'string' || !Number.isSafeInteger(value.line)) return undefined;
  const texts = [value.input, value.output].every((text) => text === undefined || typeof text === 'string');
  return texts ? (value as FileLine) : undefined;
}
