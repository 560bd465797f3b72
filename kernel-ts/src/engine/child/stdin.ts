/**
 * `process.stdin` of cells: there is nobody at its other end, and `readline` would wait for ever. Reading it is an error that
 * names the way to ask; descriptor 0, which child processes inherit, stays what it is.
 */
import { Readable } from 'node:stream';
import { EngineError } from '../errors.js';

/** Puts a stream that cannot be read in the place of `process.stdin`, made when somebody looks. */
export function installStdin(): void {
  let stdin: Readable | undefined;
  const get = (): Readable => {
    if (stdin === undefined || stdin.destroyed) {
      stdin = new Readable({
        read() {
          this.destroy(new EngineError('cell.no-stdin', 'process.stdin has nothing to read in a notebook'));
        },
      });
    }
    return stdin;
  };
  Object.defineProperty(process, 'stdin', { get, configurable: true, enumerable: true });
}
