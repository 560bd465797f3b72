/**
 * The link thread's side of the channel: requests in, session and uploads at work, answers out. Knows the channel and the
 * session; refuses to know whether it runs in a thread. The agent, where one is ours, starts and ends here.
 */
import { type LaunchedAgent, launchAgent } from '../agent/launch.js';
import { BoardError, toPortable } from '../errors.js';
import { isSpare, Spares } from '../frame/spares.js';
import { dialTarget } from '../link/dial.js';
import type { DialLink } from '../link/frame-link.js';
import { overStream } from '../link/link.js';
import type { Clock } from '../session/clock.js';
import { SessionRunner, type StreamItem } from '../session/runner.js';
import { dialTcp } from '../transport/tcp.js';
import { upload } from '../upload/upload.js';
import { type Endpoint, type FromLink, type Target, type ToLink, transferable } from './channel.js';

/** How long a started agent may take to end by itself. */
const agentGraceMs = 2_000;

/** What to serve. */
export interface ServeOptions {
  endpoint: Endpoint;
  target: Target | { kind: 'dial'; dial: DialLink };
  /** What HELLO says we are. */
  build: string;
  clock: Clock;
  /** Called after `closed` was posted. */
  onClosed(): void;
}

/** How a request ended well, and what travels back with it. */
interface Done {
  value: unknown;
  transfer?: ArrayBuffer[];
  spent?: Uint8Array<ArrayBuffer>;
}

/** Serves until it is told to close. */
export function serve({ endpoint, target, build, clock, onClosed }: ServeOptions): void {
  const post = (message: FromLink, transfer: ArrayBuffer[] = []) => endpoint.post(message, transfer);
  /** What cancels a request that is under way. */
  const running = new Map<number, (reason: BoardError) => void>();
  const untaken = new Map<number, StreamItem[]>();
  let runner: SessionRunner | null = null;
  let agent: LaunchedAgent | null = null;
  let closing = false;
  let maxBodyBytes = 0;
  /** For bodies that come from the board. */
  const spares = new Spares();
  /** Links that fell so far. */
  let fallen = 0;

  const open = async (timeoutMs: number, signal: AbortSignal) => {
    const startedAt = clock.now();
    const dial = await dialOf(timeoutMs, signal);
    signal.throwIfAborted();
    const made = new SessionRunner(build, dial, clock, {
      state: (state, reason) => {
        if (state === 'suspended') fallen += 1;
        post({ type: 'state', state, reason });
      },
      suspect: (suspect) => post({ type: 'suspect', suspect }),
      reset: (hello, epoch, reason) => {
        maxBodyBytes = hello.maxBodyBytes;
        post({ type: 'reset', opened: { hello, epoch }, reason });
      },
      event: (topic, payload, lost) => post({ type: 'event', topic, payload, lost }),
      clock: (estimate) => post({ type: 'clock', estimate }),
      console: (text) => post({ type: 'console', text }),
      ended: (error) => post({ type: 'ended', error: toPortable(error) }),
    });
    runner = made;
    const onAbort = () => made.close('cancelled', asError(signal.reason));
    signal.addEventListener('abort', onAbort);
    try {
      const opened = await made.start(Math.max(1, timeoutMs - (clock.now() - startedAt)));
      maxBodyBytes = opened.hello.maxBodyBytes;
      return opened;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };

  const dialOf = async (timeoutMs: number, signal: AbortSignal): Promise<DialLink> => {
    if (target.kind === 'dial') return target.dial;
    if (target.kind !== 'agent') return dialTarget(target, spares);
    const late = new AbortController();
    const stopTimer = clock.at(clock.now() + timeoutMs, () =>
      late.abort(new BoardError('board.agent-not-ready', `The agent did not introduce itself within ${timeoutMs} ms`)),
    );
    try {
      const launched = await launchAgent(target, AbortSignal.any([signal, late.signal]));
      agent = launched;
      launched.exited.then((how) => {
        if (closing) return;
        const error = new BoardError('board.agent-exited', `The agent has ended: ${how}`, {
          fields: { logFile: launched.logFile },
        });
        runner?.close(error.message, error);
      });
      return overStream(dialTcp(launched.ready.host, launched.ready.port), spares);
    } finally {
      stopTimer();
    }
  };

  const session = () => {
    if (!runner) throw new BoardError('board.closed', 'The board is not connected');
    return runner;
  };

  const call = async ({ id, spec, stream }: ToLink & { type: 'call' }): Promise<Done> => {
    const onItem = (item: StreamItem) => {
      const waiting = untaken.get(id) ?? [];
      untaken.set(id, waiting);
      waiting.push(item);
      post({ type: 'item', id, payload: item.payload, body: item.body }, transferable(item.body));
    };
    const fallenBefore = fallen;
    const { done, cancel } = session().begin(spec, stream ? onItem : undefined);
    running.set(id, cancel);
    const value = await done;
    // After a fall the call was sent a second time, and the answer to the first may come before that is written.
    const spent = isSpare(spec.body) && fallen === fallenBefore ? { spent: spec.body } : {};
    return { value, transfer: transferable(value.body), ...spent };
  };

  const perform = async (message: ToLink & { id: number }): Promise<Done> => {
    if (message.type === 'call') return call(message);
    const control = new AbortController();
    const { signal } = control;
    running.set(message.id, (reason) => control.abort(reason));
    switch (message.type) {
      case 'open':
        return { value: await open(message.timeoutMs, signal) };
      case 'ping':
        return { value: await session().ping(message.timeoutMs, signal) };
      case 'upload': {
        const { id, sources, timeoutMs } = message;
        const late = new AbortController();
        const stopTimer =
          timeoutMs === null
            ? () => undefined
            : clock.at(clock.now() + timeoutMs, () =>
                late.abort(new BoardError('deadline', `The upload was not done after ${timeoutMs} ms`)),
              );
        try {
          return {
            value: await upload(sources, {
              caller: session(),
              signal: AbortSignal.any([signal, late.signal]),
              maxBodyBytes,
              now: () => clock.now(),
              onProgress: (progress) => post({ type: 'progress', id, progress }),
            }),
          };
        } catch (error) {
          throw late.signal.aborted ? late.signal.reason : error;
        } finally {
          stopTimer();
        }
      }
      default:
        throw new BoardError('board.bad-argument', `No request of type ${message.type}`);
    }
  };

  const request = async (message: ToLink & { id: number }) => {
    try {
      const { value, transfer = [], spent } = await perform(message);
      if (spent) post({ type: 'done', id: message.id, value, spent }, [...transfer, spent.buffer]);
      else post({ type: 'done', id: message.id, value }, transfer);
    } catch (error) {
      post({ type: 'failed', id: message.id, error: toPortable(error) });
    }
    running.delete(message.id);
    untaken.delete(message.id);
  };

  const close = async (reason: string) => {
    if (closing) return;
    closing = true;
    if (!runner) for (const cancel of running.values()) cancel(new BoardError('board.closed', reason));
    runner?.close(reason);
    await agent?.stop(agentGraceMs);
    post({ type: 'closed' });
    onClosed();
  };

  endpoint.onMessage((raw) => {
    const message = raw as ToLink;
    switch (message.type) {
      case 'close':
        return void close(message.reason);
      case 'cancel':
        return running.get(message.id)?.(new BoardError('cancelled', 'The call was cancelled'));
      case 'spent':
        return spares.give(message.body);
      case 'taken':
        return untaken.get(message.id)?.shift()?.taken();
      default:
        return void request(message);
    }
  });
}

function asError(reason: unknown): BoardError {
  return reason instanceof BoardError ? reason : new BoardError('cancelled', String(reason));
}
