/**
 * Random messages against the real kernel, from a seed: it never stops, answers afterwards, and its memory stays bounded.
 * NPULAB_FUZZ_MESSAGES and NPULAB_FUZZ_SEED run more of them, or others.
 */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { Dealer } from 'zeromq';
import { parseConnection } from '../../src/protocol/index.js';
import { hmac } from '../protocol/front-end.js';
import { RealKernel } from './real-kernel.js';

const count = Number(process.env.NPULAB_FUZZ_MESSAGES ?? 400);
const seed = Number(process.env.NPULAB_FUZZ_SEED ?? 20_260_401);
/** The front process gets no more heap than this (it needs half of it): a leak would end it, whenever V8 cleans up. */
const heap = { NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=2' };
/** Growth of the front process over a run, its buffers outside the heap included. */
const maxGrowthBytes = 96 * 1024 * 1024;
/** A test of as many messages as one asks for takes as long as the machine needs. */
const withinMs = 60_000 + 100 * count;

const kernels: RealKernel[] = [];
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel[Symbol.dispose]();
});

const LAST = 'the last of the random messages';

/** Numbers from 0 to below 1 (mulberry32). */
function randomNumbers(state: number): () => number {
  let word = state >>> 0;
  return () => {
    word = (word + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(word ^ (word >>> 15), 1 | word);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a front end may ask, without the one that ends the kernel; and what none would. */
const messageTypes = [
  ...['execute_request', 'complete_request', 'inspect_request', 'is_complete_request', 'history_request'],
  ...['comm_open', 'comm_msg', 'comm_close', 'comm_info_request', 'kernel_info_request', 'interrupt_request'],
  ...['create_subshell_request', 'delete_subshell_request', 'list_subshell_request', 'debug_request'],
  ...['connect_request', 'input_reply', 'execute_reply', 'status', '', '\u0000', 'x'.repeat(5000), '__proto__'],
];
const fieldNames = [
  ...['code', 'cursor_pos', 'detail_level', 'silent', 'store_history', 'user_expressions', 'stop_on_error'],
  ...['hist_access_type', 'n', 'session', 'start', 'stop', 'pattern', 'unique', 'output', 'raw', 'comm_id'],
  ...['target_name', 'data', 'subshell_id', 'value', 'command', 'arguments', 'seq', 'type', '__proto__', 'constructor'],
];

class Messages {
  constructor(readonly next: () => number) {}

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  one<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  text(): string {
    return this.one([
      ...['', '1 + 1', 'const a = 1', '(', '`', '%time', '🦊', '\ud800', '\u0000', '#| x: y', '*?*[', '\r\n', 'a.b.c'],
      'x'.repeat(this.below(20_000)),
      String.fromCharCode(...Array.from({ length: this.below(40) }, () => this.below(0x1_0000))),
    ]);
  }

  value(depth = 0): unknown {
    const kind = this.below(depth > 3 ? 7 : 10);
    if (kind === 0) return null;
    if (kind === 1) return this.next() < 0.5;
    if (kind === 2) return this.one([0, -1, 1, 2 ** 53, -(2 ** 31), 1e308, 0.5, 1e9]);
    if (kind < 7) return this.text();
    if (kind === 7) return Array.from({ length: this.below(5) }, () => this.value(depth + 1));
    return this.object(depth + 1);
  }

  object(depth = 0): Record<string, unknown> {
    return Object.fromEntries(
      Array.from({ length: this.below(8) }, () => [this.one([...fieldNames, this.text()]), this.value(depth)]),
    );
  }

  bytes(): Buffer {
    return Buffer.from(Array.from({ length: this.below(200) }, () => this.below(256)));
  }

  /** Frames of one message: mostly signed and well framed, so that it gets behind the envelope. */
  frames(key: string): (string | Buffer)[] {
    const header = {
      msg_id: this.text() || 'id',
      msg_type: this.one(messageTypes),
      session: 's',
      username: 'u',
      ...this.maybe(),
    };
    const parts = [header, this.maybe(), this.maybe(), this.object()].map((part) => JSON.stringify(part));
    if (this.next() < 0.15) parts[this.below(4)] = this.one(['', '{', '[]', 'null', '7', '"x"', '{"a":', '\u0000']);
    const frames: (string | Buffer)[] = ['<IDS|MSG>', hmac(key, parts), ...parts];
    const change = this.next();
    if (change < 0.08) frames[1] = this.one(['', 'f'.repeat(64), 'é'.repeat(32)]);
    else if (change < 0.16) frames.splice(this.below(frames.length), 1);
    else if (change < 0.24) frames.splice(this.below(frames.length + 1), 0, this.bytes());
    else if (change < 0.28) return Array.from({ length: 1 + this.below(12) }, () => this.bytes());
    else if (change < 0.4) frames.push(...Array.from({ length: this.below(20) }, () => this.bytes()));
    return frames;
  }

  maybe(): Record<string, unknown> {
    return this.next() < 0.3 ? this.object() : {};
  }
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test.each(['secret', ''])(
  `${count} random messages with the key %j leave a kernel that answers, with bounded memory`,
  async (key) => {
    const kernel = await RealKernel.start({ key, env: heap });
    kernels.push(kernel);
    await kernel.run('let before = 41');
    const messages = new Messages(randomNumbers(seed));
    const { endpoints } = parseConnection(kernel.json);
    const answered: Promise<void>[] = [];
    const sockets = (['shell', 'control', 'stdin'] as const).map((name) => {
      const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
      socket.connect(endpoints[name]);
      const read = (async () => {
        // A front end reads; what the kernel says to nonsense is not looked at.
        for await (const frames of socket) if (frames.some((frame) => frame.includes(LAST))) return;
      })();
      if (name !== 'stdin') answered.push(read);
      return socket;
    });
    const startBytes = residentBytes(kernel.process.pid!);
    for (let index = 0; index < count; index += 1) await messages.one(sockets).send(messages.frames(key));
    // Their last messages: once they are answered, no interrupt of theirs can hit a cell that comes after them.
    for (const [index, socket] of sockets.entries()) {
      const header = { msg_id: `${LAST} ${index}`, msg_type: 'kernel_info_request' };
      const parts = [header, {}, {}, {}].map((part) => JSON.stringify(part));
      await socket.send(['<IDS|MSG>', hmac(key, parts), ...parts]);
    }
    await Promise.all(answered);
    const control = await kernel.ask('control', 'kernel_info_request');
    expect(control.status).toBe('ok');
    expect(kernel.process.exitCode).toBe(null);
    for (const socket of sockets) socket.close();
    // The last of those cells may fail, and takes what is queued behind it along: one cell waits for them, the next counts.
    await kernel.run('0');
    expect((await kernel.run('before + 1')).result['text/plain']).toBe('42');
    expect(residentBytes(kernel.process.pid!) - startBytes).toBeLessThan(maxGrowthBytes);
  },
  withinMs,
);
