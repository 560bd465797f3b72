/** One port, several programs: the bridge in memory, with a board written from link.cddl and time that runs by itself. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { BoardError } from '../src/errors.js';
import { Bridge } from '../src/serial/bridge.js';
import { BridgeLine, bridgeGone } from '../src/serial/bridge-line.js';
import { messagePieces } from '../src/serial/messages.js';
import { SharedPort } from '../src/serial/shared-port.js';
import { systemClock } from '../src/session/clock.js';
import { memoryPipe } from '../src/transport/memory.js';
import type { FrameLine } from '../src/uart/frame-line.js';
import { Line } from '../src/uart/line.js';
import { boardLanes } from './board-lanes.js';
import { until } from './fake-clock.js';

const signal = () => new AbortController().signal;
const clock = systemClock;
const baud = 1_500_000;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (content: string) => new TextEncoder().encode(content);

interface Heard {
  frames: string[];
  downs: string[];
  console: string[];
}

/** A port with a bridge on this side and `board` on the other. */
function bridged(board: ((line: Line) => void) | null) {
  const port = memoryPipe();
  const guests: { pid: number; what: string }[][] = [];
  let gone = 0;
  const bridge = new Bridge({
    port: port.ends[0],
    clock,
    baud,
    path: '/dev/ttyX',
    onGuests: (list) => guests.push([...list]),
    onGone: () => {
      gone += 1;
    },
  });
  const far = new SharedPort(port.ends[1], () => undefined);
  /** A board that starts; the one before says nothing more. One that greets tells of its reset, as npulabd does. */
  const boot = (start: (line: Line) => void, role: 'board' | 'host' = 'board') =>
    start(new Line(far.attach(), { role, clock, bytesPerMs: Number.POSITIVE_INFINITY }));
  if (board) boot(board);
  onTestFinished(() => port.cut('the test is over'));
  let programs = 0;
  const program = (rate = baud) => {
    programs += 1;
    const socket = memoryPipe();
    bridge.accept(socket.ends[0]);
    const joining = { path: '/dev/ttyX', baud: rate, pid: programs, what: `program ${programs}` };
    return { socket, line: new BridgeLine(socket.ends[1], joining) };
  };
  /** A program that says something else than it should. */
  const stranger = (pieces: readonly Uint8Array[]): { said: string; closed: boolean } => {
    const [near, end] = memoryPipe().ends;
    const state = { said: '', closed: false };
    bridge.accept(near);
    end.start({
      onData: (chunk) => {
        state.said += text(chunk);
      },
      onDrain: () => undefined,
      onClose: () => {
        state.closed = true;
      },
    });
    end.write(pieces);
    return state;
  };
  return { port, boot, guests, program, stranger, gone: () => gone };
}

function hear(line: FrameLine): Heard {
  const heard: Heard = { frames: [], downs: [], console: [] };
  line.listen({
    onFrame: (channel, frame) => heard.frames.push(`${channel} ${text(frame)}`),
    onConsole: (line) => heard.console.push(line),
    onDown: (reason) => heard.downs.push(reason),
  });
  return heard;
}

/** A board that answers each frame with its place among the lanes and what came. */
function echo(line: Line): void {
  let count = 0;
  boardLanes(line, (lane) => {
    count += 1;
    const name = count;
    lane.listen({
      onFrame: (channel, frame) => lane.send(channel, [bytes(`${name}:${text(frame)}`)]),
      onConsole: () => undefined,
      onDown: () => undefined,
    });
  });
}

describe('two programs on one port', () => {
  test('each have a lane of their own, and hear nothing of the other', async () => {
    const { program, guests } = bridged(echo);
    const [one, two] = [program().line, program().line];
    await Promise.all([one.opened(signal()), two.opened(signal())]);
    const [first, second] = [hear(one), hear(two)];
    one.send(0, [bytes('a'), bytes('b')]);
    two.send(1, [bytes('c')]);
    await until(() => first.frames.length === 1 && second.frames.length === 1);
    expect([first.frames[0]!.slice(3), second.frames[0]!.slice(3)]).toEqual([':ab', ':c']);
    expect(first.frames[0]!.slice(0, 3) === second.frames[0]!.slice(0, 3)).toBe(false);
    expect(guests.at(-1)).toEqual([
      { pid: 1, what: 'program 1' },
      { pid: 2, what: 'program 2' },
    ]);
  });

  test('are served whoever of them speaks first', async () => {
    const { program } = bridged(echo);
    const [one, two] = [program().line, program().line];
    await Promise.all([one.opened(signal()), two.opened(signal())]);
    two.send(0, [bytes('first')]);
    expect(text(await two.nextFrame(signal()))).toBe('1:first');
    one.send(0, [bytes('second')]);
    expect(text(await one.nextFrame(signal()))).toBe('2:second');
  });

  test('of which one dies: what it said last arrives, its lane ends, the other goes on', async () => {
    let lanes: { open: Set<number> } = { open: new Set() };
    const arrived: string[] = [];
    const { program, guests } = bridged((line) => {
      lanes = boardLanes(line, (lane) =>
        lane.listen({
          onFrame: (_channel, frame) => {
            arrived.push(text(frame));
            lane.send(0, [bytes('heard')]);
          },
          onConsole: () => undefined,
          onDown: (reason) => arrived.push(reason),
        }),
      );
    });
    const [one, two] = [program(), program()];
    await Promise.all([one.line.opened(signal()), two.line.opened(signal())]);
    const second = hear(two.line);
    one.line.send(0, [bytes('goodbye')]);
    one.line.end();
    await until(() => arrived.length === 2);
    expect(arrived).toEqual(['goodbye', 'the host ended the lane']);
    two.line.send(0, [bytes('still here')]);
    await until(() => second.frames.length === 1);
    expect(lanes.open.size).toBe(1);
    expect(guests.at(-1)).toEqual([{ pid: 2, what: 'program 2' }]);
  });

  test('share the line frame by frame: a long upload of one does not hold up the other', async () => {
    const order: string[] = [];
    const { program } = bridged((line) => {
      let count = 0;
      boardLanes(line, (lane) => {
        count += 1;
        const name = ['long', 'short'][count - 1]!;
        lane.listen({ onFrame: () => order.push(name), onConsole: () => undefined, onDown: () => undefined });
      });
    });
    const [long, short] = [program().line, program().line];
    await Promise.all([long.opened(signal()), short.opened(signal())]);
    long.send(0, [bytes('hello')]);
    await until(() => order.length === 1);
    const piece = new Uint8Array(16 * 1024).fill(7);
    for (let sent = 0; sent < 12; sent += 1) long.send(1, [piece]);
    short.send(0, [bytes('hello')]);
    for (let sent = 0; sent < 3; sent += 1) short.send(1, [piece]);
    await until(() => order.length === 17);
    // Its three pieces are through when the long one has sent at most two more than its share.
    expect(order.slice(0, 10).filter((name) => name === 'short')).toHaveLength(4);
  });
});

describe('a bridge', () => {
  test('tells its programs when the port is gone, and ends', async () => {
    const { program, port, gone } = bridged(echo);
    const { line } = program();
    await line.opened(signal());
    const heard = hear(line);
    port.cut('unplugged');
    await until(() => heard.downs.length === 1);
    expect([heard.downs, gone()]).toEqual([['unplugged'], 1]);
  });

  test('opens the line anew for the next program after the board began anew', async () => {
    const { program, boot } = bridged(echo);
    const before = program().line;
    await before.opened(signal());
    const heard = hear(before);
    boot(echo, 'host');
    await until(() => heard.downs.length === 1);
    expect(heard.downs).toEqual(['the other side of the serial line began anew']);
    boot(echo);
    const after = program().line;
    await after.opened(signal());
    after.send(0, [bytes('again')]);
    expect(text(await after.nextFrame(signal()))).toBe('1:again');
    expect(heard.frames).toEqual([]);
  });

  test('passes console text to everybody, and never takes it for a frame', async () => {
    const { program, port } = bridged(echo);
    const [one, two] = [program().line, program().line];
    await Promise.all([one.opened(signal()), two.opened(signal())]);
    const heard = [hear(one), hear(two)];
    port.ends[1].write([bytes('\0kernel: hello\r\n\0')]);
    await until(() => heard.every(({ console }) => console.length === 1));
    expect(heard.map(({ console }) => console)).toEqual([['kernel: hello\r\n'], ['kernel: hello\r\n']]);
  });

  test('refuses another baud rate with the one it has', async () => {
    const { program } = bridged(echo);
    await program().line.opened(signal());
    await expect(program(115_200).line.opened(signal())).rejects.toMatchObject({
      code: 'board.serial-held',
      message: '/dev/ttyX is open at 1500000 baud, for program 1',
      remedy: 'Use the same rate, ?baud=1500000, or end what uses the port.',
    });
  });

  test('says what came where no agent answers', async () => {
    const { program, port, guests } = bridged(null);
    const { line } = program();
    const late = new AbortController();
    const opened = line.opened(late.signal);
    await until(() => guests.at(-1)?.length === 1);
    port.ends[1].write([Uint8Array.of(0, 1, 200, 201, 202, 0, 255, 254, 253, 0)]);
    await new Promise((resolve) => setImmediate(resolve));
    late.abort(new BoardError('board.connect-timeout', 'too long'));
    await expect(opened).rejects.toMatchObject({
      code: 'board.serial-silent',
      message:
        'No agent answered on /dev/ttyX at 1500000 baud; 2 pieces that make no sense came: a wrong baud rate looks like this',
    });
  });

  test('refuses an agent that knows no lanes by name', async () => {
    const { program } = bridged((line) =>
      line.listen({
        onFrame: () => line.send(0, [bytes('BYE')]),
        onConsole: () => undefined,
        onDown: () => undefined,
      }),
    );
    await expect(program().line.opened(signal())).rejects.toMatchObject({ code: 'board.protocol-version' });
  });

  test.each([
    ['a frame before it has a lane', messagePieces(0, [bytes('x')])],
    ['a message of a kind there is none of', messagePieces(9, [bytes('x')])],
    ['a message longer than any frame', [Uint8Array.of(0, 0, 0, 64, 0)]],
    ['a notice that is no JSON', messagePieces(3, [bytes('{')])],
  ])('ends the connection of a program that sends %s, and serves the others', async (_what, pieces) => {
    const { program, stranger } = bridged(echo);
    const good = program().line;
    await good.opened(signal());
    const heard = hear(good);
    const bad = stranger(pieces);
    await until(() => bad.closed);
    expect(bad.said).toContain('"type":"refused"');
    good.send(0, [bytes('on')]);
    await until(() => heard.frames.length === 1);
    expect(heard.frames).toEqual(['0 1:on']);
  });

  test('that ends before it answers is told apart, so that another one is asked', async () => {
    const socket = memoryPipe();
    const line = new BridgeLine(socket.ends[1], { path: '/dev/ttyX', baud, pid: 1, what: 'a program' });
    const opened = line.opened(signal());
    socket.cut('killed');
    await expect(opened).rejects.toBe(bridgeGone);
  });
});
