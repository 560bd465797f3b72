/**
 * The process that owns a serial port: bytes between the port and stdin/stdout, one line of JSON on descriptor 3 first (`{}`, or what
 * failed). A process of its own, because the native part of `serialport` works in no other thread than a process's first; it ends
 * with its stdin, so whoever started it takes it along.
 */
import { createWriteStream } from 'node:fs';
import { SerialPort } from 'serialport';
import { BoardError, type PortableError, toPortable } from '../errors.js';
import { lockPort } from './lock.js';

const [path = '', baud = '', holder = ''] = process.argv.slice(2);
const status = createWriteStream('', { fd: 3 });
const tell = (error: PortableError | null) => status.write(`${JSON.stringify(error ?? {})}\n`);

let unlock: () => void = () => undefined;
const quit = () => {
  unlock();
  process.exit();
};
process.on('SIGTERM', quit).on('SIGINT', () => undefined);
process.stdin.on('end', quit).on('error', quit);
process.stdout.on('error', quit);

function openError(cause: Error): BoardError {
  const details = { cause, fields: { path } };
  if (/lock|temporarily unavailable|busy/i.test(cause.message))
    return new BoardError('board.serial-busy', `${path} is in use by another program`, details);
  if (/permission|denied|EACCES/i.test(cause.message))
    return new BoardError('board.serial-denied', `${path} may not be opened: ${cause.message}`, details);
  return new BoardError('board.serial-missing', `${path} cannot be opened: ${cause.message}`, details);
}

function open(): void {
  unlock = lockPort(path, holder, new Date());
  const port = new SerialPort({ path, baudRate: Number(baud), autoOpen: false, lock: true, rtscts: false });
  port.open((cause) => {
    if (cause) {
      tell(toPortable(openError(cause)));
      status.end(quit);
      return;
    }
    // FTDI-type adapters collect bytes for 16 ms unless told otherwise; ports that cannot are as good as they are.
    port.set({ lowLatency: true } as Parameters<SerialPort['set']>[0], () => undefined);
    port.on('error', quit).on('close', quit);
    tell(null);
    port.pipe(process.stdout);
    process.stdin.pipe(port);
  });
}

try {
  open();
} catch (error) {
  tell(toPortable(error));
  status.end(quit);
}
