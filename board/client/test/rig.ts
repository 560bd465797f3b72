/** A board object over a fake board: the whole client but the thread, on a memory pipe or on TCP, with time in the test's hand. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { Board, BoardEvent } from '../src/board.js';
import { openBoard } from '../src/handles/board.js';
import { memoryPipe, type Pipe } from '../src/transport/memory.js';
import { dialTcp, socketTransport } from '../src/transport/tcp.js';
import type { Dial } from '../src/transport/transport.js';
import { endpointOf } from '../src/worker/channel.js';
import { serve } from '../src/worker/serve.js';
import { FakeBoard } from './fake-board.js';
import { FakeClock } from './fake-clock.js';

export const wires = ['memory pipe', 'TCP'] as const;
export type WireKind = (typeof wires)[number];

export interface Network {
  dial: Dial;
  /** Pulls the cable: both ends of the connection end. */
  cut(): void;
  /** While true, no connection is possible. */
  refuse: boolean;
  dials: number;
}

/** A network with one board on it. */
export async function network(kind: WireKind, board: FakeBoard): Promise<Network> {
  if (kind === 'memory pipe') {
    let pipe: Pipe | null = null;
    const net: Network = {
      dial: async () => {
        net.dials += 1;
        if (net.refuse) throw new Error('nobody there');
        pipe = memoryPipe();
        board.accept(pipe.ends[1]);
        return pipe.ends[0];
      },
      cut: () => pipe?.cut('the cable was pulled'),
      refuse: false,
      dials: 0,
    };
    return net;
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    board.accept(socketTransport(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dial = dialTcp('127.0.0.1', (server.address() as AddressInfo).port);
  const net: Network = {
    dial: (signal) => {
      net.dials += 1;
      return net.refuse ? Promise.reject(new Error('nobody there')) : dial(signal);
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    refuse: false,
    dials: 0,
  };
  onTestFinished(() => {
    net.cut();
    server.close();
  });
  return net;
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
      onEvent: (event) => events.push(event),
      afterClose: async () => port1.close(),
      ...(signal && { signal }),
    },
    () => undefined,
  );
}
