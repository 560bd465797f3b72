/**
 * `process.stdin` of cells: the user, who is asked for each line that somebody reads, so that `readline` works. Descriptor 0,
 * which child processes inherit, stays what it is: empty. Surprise: it lives as long as its cell, because what one cell leaves
 * open would ask in every later one.
 */
import { Readable } from 'node:stream';
import { EngineError } from '../errors.js';
import { currentCell } from './attribution.js';
import { askUser } from './input.js';

interface CellStdin {
  readonly requestId: string;
  readonly stream: Readable;
  /** Somebody waits for a line. */
  wanted: boolean;
  asking: boolean;
  /** Somebody got one. */
  heard: boolean;
}

let open: CellStdin | undefined;

/** Puts a stream of the user's lines in the place of `process.stdin`, made when a cell looks. */
export function installStdin(isRunning: (requestId: string) => boolean): void {
  const get = (): Readable => {
    if (open === undefined || open.stream.destroyed || open.stream.readableEnded) open = newStdin(isRunning);
    return open.stream;
  };
  Object.defineProperty(process, 'stdin', { get, configurable: true, enumerable: true });
}

/** The cell's stream ends with it; what it was not asked for in time is said. */
export function endStdin(requestId: string, wasInterrupted: boolean): void {
  if (open?.requestId !== requestId) return;
  const { stream, wanted, heard } = open;
  open = undefined;
  if (wasInterrupted || stream.destroyed) return; // code behind an interrupt must not go on
  if (heard) stream.push(null);
  else if (wanted) {
    stream.destroy(new EngineError('cell.input-too-late', 'process.stdin is read by a cell that has ended'));
  }
}

function newStdin(isRunning: (requestId: string) => boolean): CellStdin {
  const askLater = (): unknown => setImmediate(ask); // behind the prompt that readline writes, and the cell's end
  const stream = new Readable({
    highWaterMark: 0, // a question for each line that is read, none ahead
    read() {
      stdin.wanted = true;
      askLater();
    },
  });
  const stdin: CellStdin = {
    ...{ requestId: currentCell()?.requestId ?? '', stream },
    ...{ wanted: false, asking: false, heard: false },
  };
  const ask = (): void => {
    const isPaused = stream.readableFlowing === false && stream.listenerCount('readable') === 0;
    if (!stdin.wanted || stdin.asking || isPaused || stream.destroyed || !isRunning(stdin.requestId)) return;
    stdin.asking = true;
    askUser({ prompt: '', password: false }, stdin.requestId).then(
      (line) => {
        Object.assign(stdin, { asking: false, wanted: false, heard: true });
        stream.push(`${line}\n`);
      },
      (error: Error) => {
        if (open === stdin) stream.destroy(error);
      },
    );
  };
  stream.on('resume', askLater);
  Object.assign(stream, { fd: 0, ref: () => stream, unref: () => stream });
  return stdin;
}
