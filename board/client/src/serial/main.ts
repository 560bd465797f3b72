/**
 * The bridge process: owns a serial port and serves every program of this user that wants it, on a socket that the lock file names.
 * One line of JSON on descriptor 3 first (`{}`, or what failed). A process of its own, because programs come and go while the port
 * stays open, and because the native part of `serialport` works in no other thread than a process's first. It ends a while after the
 * last program has left, or with the port.
 */
import { createWriteStream, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SerialPort } from 'serialport';
import { BoardError, type PortableError, toPortable } from '../errors.js';
import { systemClock } from '../session/clock.js';
import { socketTransport } from '../transport/tcp.js';
import { Bridge } from './bridge.js';
import { holderOf, portFolder, removeHolder, writeHolder } from './lock.js';
import { portTransport } from './port.js';

const [path = '', baudText = '', graceText = ''] = process.argv.slice(2);
const baud = Number(baudText);
const graceMs = Number(graceText);
/** How long a port that another bridge is just leaving may stay busy. */
const busyMs = 2_000;
const busyStepMs = 50;
/** How long the program that started this one may take to join. */
const joinMs = 2_000;
const since = new Date().toISOString();
const socketPath = join(portFolder(), `${process.pid}.sock`);

const status = createWriteStream('', { fd: 3 });
const tell = (error: PortableError | null, after: () => void = () => undefined) =>
  void status.end(`${JSON.stringify(error ?? {})}\n`, after);

function openError(cause: Error): BoardError {
  const details = { cause, fields: { path } };
  if (/lock|temporarily unavailable|busy/i.test(cause.message))
    return new BoardError('board.serial-busy', `${path} is in use by another program`, details);
  if (/permission|denied|EACCES/i.test(cause.message))
    return new BoardError('board.serial-denied', `${path} may not be opened: ${cause.message}`, details);
  return new BoardError('board.serial-missing', `${path} cannot be opened: ${cause.message}`, details);
}

/** Opens the port. Null where another bridge has it, which is then as good. */
async function openPort(): Promise<SerialPort | null> {
  const giveUpAt = performance.now() + busyMs;
  for (;;) {
    const port = new SerialPort({ path, baudRate: baud, autoOpen: false, lock: true, rtscts: false });
    const cause = await new Promise<Error | null>((resolve) => port.open(resolve));
    if (!cause) return port;
    const error = openError(cause);
    if (error.code !== 'board.serial-busy') throw error;
    if (holderOf(path)) return null;
    if (performance.now() > giveUpAt) throw error;
    await new Promise((resolve) => setTimeout(resolve, busyStepMs));
  }
}

async function main(): Promise<void> {
  const port = await openPort();
  if (!port) return tell(null, () => process.exit());
  // FTDI-type adapters collect bytes for 16 ms unless told otherwise; ports that cannot are as good as they are.
  port.set({ lowLatency: true } as Parameters<SerialPort['set']>[0], () => undefined);
  let quitting = false;
  const quit = () => {
    if (quitting) return;
    quitting = true;
    removeHolder(path);
    rmSync(socketPath, { force: true });
    port.drain(() => process.exit());
    setTimeout(() => process.exit(), busyMs / 2);
  };
  let stopTimer: () => void = () => undefined;
  const quitIn = (ms: number) => systemClock.at(systemClock.now() + ms, quit);
  const onGuests = (users: readonly { pid: number; what: string }[]) => {
    if (quitting) return;
    const remedy = `end what uses it, or the bridge: kill ${process.pid}`;
    writeHolder(path, { pid: process.pid, since, socket: socketPath, baud, users: [...users], remedy });
    stopTimer();
    stopTimer = users.length > 0 ? () => undefined : quitIn(graceMs);
  };
  const bridge = new Bridge({ port: portTransport(port), clock: systemClock, baud, path, onGuests, onGone: quit });
  const server = createServer((socket) => bridge.accept(socketTransport(socket)));
  process.umask(0o177);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  // From here on it is named, and can be reached.
  onGuests([]);
  stopTimer();
  stopTimer = quitIn(Math.max(graceMs, joinMs));
  process.on('SIGTERM', quit);
  tell(null);
}

// What a terminal sends to all its programs ends those who use the port, not the port.
process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined);
main().catch((error) => tell(toPortable(error), () => process.exit()));
