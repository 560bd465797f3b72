/** A board object over a fake board: the whole client but the thread, on a memory pipe or on TCP, with time in the test's hand. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { Board, BoardEvent } from '../src/board.js';
import { openBoard } from '../src/handles/board.js';
import type { DialLink } from '../src/link/frame-link.js';
import { overStream } from '../src/link/link.js';
import { overSerial, SerialLink } from '../src/link/serial-link.js';
import { dialSerial } from '../src/serial/dial.js';
import { systemClock } from '../src/session/clock.js';
import { memoryPipe, type Pipe } from '../src/transport/memory.js';
import { dialTcp, socketTransport } from '../src/transport/tcp.js';
import type { FrameLine, LineEvents } from '../src/uart/frame-line.js';
import { Line } from '../src/uart/line.js';
import { endpointOf } from '../src/worker/channel.js';
import { serve } from '../src/worker/serve.js';
import { boardLanes } from './board-lanes.js';
import { FakeBoard } from './fake-board.js';
import { FakeClock, until } from './fake-clock.js';
import { faulty } from './fault-transport.js';
import { hasPty, openPty } from './pty.js';
import type { Faults } from './uart/fault-line.js';
import { Random } from './uart/random.js';

/** Ways to a board. The last two go through a pseudo-terminal, the last one through a bad line behind it. */
export const wires = [
  'memory pipe',
  'TCP',
  'serial line in memory',
  ...(hasPty ? (['pty', 'faulty pty'] as const) : []),
] as const;
export type WireKind = (typeof wires)[number];
if (!hasPty) console.warn('skipped: the suites over a pty, since there is no python3');

/** True where frames travel in PDUs, and bodies are small. */
export const isSerial = (kind: WireKind): boolean => kind !== 'memory pipe' && kind !== 'TCP';
/** True where time is all in the test's hand: nothing runs on a time of its own below. */
export const isSteered = (kind: WireKind): boolean => kind !== 'pty' && kind !== 'faulty pty';
/** Largest body of a frame. */
export const bodyBytesOf = (kind: WireKind): number => (isSerial(kind) ? 16_384 : 982_976);

/** What StarryOS's terminal and a bad cable do to a line, all at once. */
const terminalFaults: Partial<Faults> = {
  eatsCursorRequests: true,
  text: 0.02,
  overtake: 0.02,
  drop: 2e-5,
  flip: 2e-5,
  duplicate: 0.01,
  queueBytes: 4096,
};
let seeds = Number(process.env.NPULAB_SEED ?? 20_261_126);

export interface Network {
  dial: DialLink;
  /** Pulls the cable: both ends of the connection end. */
  cut(): void;
  /** While true, no connection is possible. */
  refuse: boolean;
  dials: number;
}

/** A network with one board on it. */
export async function network(kind: WireKind, board: FakeBoard): Promise<Network> {
  if (isSerial(kind))
    board.hello[6] ??= new Map([
      [0, 98_304],
      [1, 16],
      [2, bodyBytesOf(kind)],
    ]);
  const { dial, cut } =
    kind === 'TCP' ? await tcp(board) : kind === 'memory pipe' ? memory(board) : serial(kind, board);
  const net: Network = {
    dial: async (signal) => {
      net.dials += 1;
      if (net.refuse) throw new Error('nobody there');
      return dial(signal);
    },
    cut,
    refuse: false,
    dials: 0,
  };
  onTestFinished(cut);
  return net;
}

type Wires = { dial: DialLink; cut(): void };

function memory(board: FakeBoard): Wires {
  let pipe: Pipe | null = null;
  const dial = overStream(async () => {
    pipe = memoryPipe();
    board.accept(pipe.ends[1]);
    return pipe.ends[0];
  });
  return { dial, cut: () => pipe?.cut('the cable was pulled') };
}

async function tcp(board: FakeBoard): Promise<Wires> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    board.accept(socketTransport(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return { dial: overStream(dialTcp('127.0.0.1', (server.address() as AddressInfo).port)), cut };
}

/** A line whose adapter can be pulled out: some say so at once, others only at the next write. */
function pullable(line: FrameLine): FrameLine & { pull(): void } {
  let events: LineEvents | null = null;
  return {
    send: (channel, pieces) => line.send(channel, pieces),
    listen: (listener) => {
      events = listener;
      line.listen(listener);
    },
    nextFrame: (signal) => line.nextFrame(signal),
    end: () => line.end(),
    destroy: () => line.destroy(),
    pull: () => {
      line.destroy();
      events?.onDown('the adapter was pulled out');
    },
  };
}

/** The line runs on real time: the session above it does not know, and its own time stays in the test's hand. */
function serial(kind: WireKind, board: FakeBoard): Wires {
  const common = { clock: systemClock, bytesPerMs: Number.POSITIVE_INFINITY };
  let cut: () => void = () => undefined;
  const serve = (line: FrameLine) =>
    board.serve(
      (events) => new SerialLink(line, null, events),
      // A line needs no length before a frame.
      (bytes) => line.send(0, [bytes.subarray(4)]),
    );
  const inMemory = async () => {
    const pipe = memoryPipe();
    cut = () => pipe.cut('the cable was pulled');
    serve(new Line(pipe.ends[1], { ...common, role: 'board' }));
    const line = new Line(pipe.ends[0], { ...common, role: 'host' });
    await until(() => line.open);
    return line;
  };
  const onPty = async (signal: AbortSignal) => {
    const pty = await openPty();
    // Another dial makes another one, and only the last is pulled out.
    onTestFinished(pty.remove);
    let far = pty.far;
    if (kind === 'faulty pty') {
      const seed = seeds++;
      console.info(`faulty pty: seed ${seed}`);
      far = faulty(pty.far, new Random(seed), terminalFaults);
    }
    boardLanes(new Line(far, { ...common, role: 'board' }), serve);
    const line = pullable(await dialSerial(pty.path, 115_200, 0)(signal));
    cut = () => {
      pty.remove();
      line.pull();
    };
    return line;
  };
  return { dial: overSerial(kind === 'serial line in memory' ? inMemory : onPty, null), cut: () => cut() };
}

export interface Rig {
  fake: FakeBoard;
  net: Network;
  clock: FakeClock;
  board: Board;
  events: BoardEvent[];
}

/** Connects; closes when the test is over. */
export async function connected(kind: WireKind, prepare: (fake: FakeBoard) => void = () => undefined): Promise<Rig> {
  const fake = new FakeBoard();
  prepare(fake);
  const net = await network(kind, fake);
  const clock = new FakeClock();
  const events: BoardEvent[] = [];
  const board = await open(net, clock, events);
  onTestFinished(() => board.close());
  return { fake, net, clock, board, events };
}

/** Connects over a network; rejects as `connect` does. */
export function open(net: Network, clock: FakeClock, events: BoardEvent[] = [], signal?: AbortSignal): Promise<Board> {
  const { port1, port2 } = new MessageChannel();
  serve({
    endpoint: endpointOf(port2),
    target: { kind: 'dial', dial: net.dial },
    build: 'test',
    clock,
    onClosed: () => port2.close(),
  });
  return openBoard(
    {
      endpoint: endpointOf(port1),
      url: 'fake',
      timeoutMs: 15_000,
      // A log line on a bad line is no part of what the session says.
      onEvent: (event) => event.type !== 'console' && events.push(event),
      afterClose: async () => port1.close(),
      ...(signal && { signal }),
    },
    () => undefined,
  );
}

/** The code of the error that a promise rejects with. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );

/** How often something is in a fake board's log. */
export const count = (fake: FakeBoard, what: string): number => fake.log.filter((line) => line === what).length;
