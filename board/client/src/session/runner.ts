/**
 * Carries out what the session's state machine wants: dials, writes, sets the timer, settles promises. Knows transports
 * and promises; refuses to know methods. The only part of the session that has side effects.
 */
import { BoardError } from '../errors.js';
import type { Wire } from '../frame/cbor.js';
import type { DialLink, FrameLink } from '../link/frame-link.js';
import type { Hello } from '../messages/session.js';
import type { Clock } from './clock.js';
import type { ClockEstimate } from './clock-sync.js';
import { Session } from './machine.js';
import type { CallSpec, SessionAction, SessionEvent } from './types.js';

/** Result of a call. */
export interface CallResult {
  result: Wire;
  body: Uint8Array<ArrayBuffer> | null;
}

/** One item of a stream; `taken` tells the board that the reader has room again. */
export interface StreamItem {
  payload: Wire;
  body: Uint8Array<ArrayBuffer> | null;
  taken(): void;
}

/** What happens without a call. */
export interface SessionListener {
  state(state: 'connected' | 'suspended', reason: string): void;
  suspect(suspect: boolean): void;
  reset(hello: Hello, epoch: number, reason: string): void;
  event(topic: number, payload: Wire, lost: number): void;
  clock(estimate: ClockEstimate): void;
  /** Text that something else wrote on the serial line. */
  console(text: string): void;
  ended(error: BoardError): void;
}

/** Whatever can make calls: a session, or a port to one. */
export interface Caller {
  call(spec: CallSpec, signal?: AbortSignal, onItem?: (item: StreamItem) => void): Promise<CallResult>;
}

interface Waiter {
  resolve(value: unknown): void;
  reject(error: BoardError): void;
  onItem: ((item: StreamItem) => void) | undefined;
}

/** A session at work. */
export class SessionRunner implements Caller {
  readonly #dialLink: DialLink;
  readonly #clock: Clock;
  readonly #listener: SessionListener;
  readonly #session: Session;
  readonly #waiters = new Map<number, Waiter>();
  readonly #events: SessionEvent[] = [];
  #stepping = false;
  #nextKey = 1;
  #link: FrameLink | null = null;
  #dialling: AbortController | null = null;
  #stopTimer: () => void = () => undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #ready: { resolve(value: { hello: Hello; epoch: number }): void; reject(error: BoardError): void } | null = null;

  constructor(build: string, dial: DialLink, clock: Clock, listener: SessionListener) {
    this.#session = new Session(build);
    this.#dialLink = dial;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Connects. Rejects with what the state machine says, see `Connect`. */
  start(timeoutMs: number): Promise<{ hello: Hello; epoch: number }> {
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
      this.#feed({ type: 'start', timeoutMs });
    });
  }

  call(spec: CallSpec, signal?: AbortSignal, onItem?: (item: StreamItem) => void): Promise<CallResult> {
    return this.#wait((key) => ({ type: 'call', key, spec }), signal, onItem) as Promise<CallResult>;
  }

  /** A call that is cancelled by hand: a signal of its own would cost a small call a tenth of its time. */
  begin(spec: CallSpec, onItem?: (item: StreamItem) => void): { done: Promise<CallResult>; cancel(): void } {
    const key = this.#nextKey;
    return { done: this.call(spec, undefined, onItem), cancel: () => this.#feed({ type: 'cancel', key }) };
  }

  /** One round trip. */
  ping(timeoutMs: number, signal?: AbortSignal): Promise<{ roundTripMs: number; boardTicks: number }> {
    return this.#wait((key) => ({ type: 'ping', key, timeoutMs }), signal) as Promise<{
      roundTripMs: number;
      boardTicks: number;
    }>;
  }

  /** Ends the session: with BYE where `error` is null, else with that error for everything pending. */
  close(reason: string, error: BoardError | null = null): void {
    this.#feed({ type: 'close', reason, error });
  }

  #wait(event: (key: number) => SessionEvent, signal?: AbortSignal, onItem?: Waiter['onItem']): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(new BoardError('cancelled', 'Cancelled before it began'));
    const key = this.#nextKey++;
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#feed({ type: 'cancel', key });
      const settle =
        <T>(finish: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', onAbort);
          this.#waiters.delete(key);
          finish(value);
        };
      this.#waiters.set(key, { resolve: settle(resolve), reject: settle(reject), onItem });
      signal?.addEventListener('abort', onAbort);
      this.#feed(event(key));
    });
  }

  /** Events that arise while actions run wait for their turn. */
  #feed(event: SessionEvent): void {
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#events.shift(); next; next = this.#events.shift()) {
      try {
        for (const action of this.#session.step(next, this.#clock.now())) this.#do(action);
      } catch (error) {
        if (!(error instanceof BoardError) || next.type !== 'call') {
          this.#stepping = false;
          throw error;
        }
        this.#waiters.get(next.key)?.reject(error);
      }
    }
    this.#stepping = false;
    this.#setTimer();
  }

  /** A timer that comes too early finds nothing due and is set again, which costs less than to set one with every call. */
  #setTimer(): void {
    const wakeAt = this.#session.wakeAt();
    const waits = Number.isFinite(wakeAt);
    if (waits && wakeAt >= this.#timerAt) return;
    this.#stopTimer();
    this.#timerAt = wakeAt;
    if (!waits) return;
    this.#stopTimer = this.#clock.at(wakeAt, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#feed({ type: 'tick' });
    });
  }

  #do(action: SessionAction): void {
    switch (action.type) {
      case 'dial':
        this.#dial(action.timeoutMs);
        return;
      case 'hangUp':
        this.#hangUp(action.clean);
        return;
      case 'send':
        this.#link?.send(action.frame);
        return;
      case 'reply':
        this.#waiters.get(action.key)?.resolve({ result: action.result, body: action.body });
        return;
      case 'fail':
        this.#waiters.get(action.key)?.reject(action.error);
        return;
      case 'pong':
        this.#waiters.get(action.key)?.resolve({ roundTripMs: action.roundTripMs, boardTicks: action.boardTicks });
        return;
      case 'item': {
        const { key, payload, body, sizeBytes } = action;
        this.#waiters
          .get(key)
          ?.onItem?.({ payload, body, taken: () => this.#feed({ type: 'consumed', key, sizeBytes }) });
        return;
      }
      case 'clock': {
        const epochMs = this.#clock.wallMicros() / 1000 - this.#clock.now();
        this.#listener.clock(this.#session.clock(epochMs)!);
        return;
      }
      case 'ready':
        this.#ready?.resolve({ hello: action.hello, epoch: action.epoch });
        return;
      case 'reset':
        this.#listener.reset(action.hello, action.epoch, action.reason);
        return;
      case 'state':
        this.#listener.state(action.state, action.reason);
        return;
      case 'suspect':
        this.#listener.suspect(action.suspect);
        return;
      case 'event':
        this.#listener.event(action.topic, action.payload, action.lost);
        return;
      case 'ended':
        this.#ready?.reject(action.error);
        this.#listener.ended(action.error);
        return;
    }
  }

  #dial(timeoutMs: number): void {
    const dialling = new AbortController();
    this.#dialling = dialling;
    const giveUp = () =>
      dialling.abort(new BoardError('board.connect-timeout', `No connection after ${Math.round(timeoutMs)} ms`));
    // Before the machine gives up: a dial that is told so knows why nobody answered, the machine only that nobody did.
    const stopTimer = this.#clock.at(this.#clock.now() + timeoutMs - 1, giveUp);
    this.#dialLink(dialling.signal).then(
      (listen) => {
        stopTimer();
        const wanted = this.#dialling === dialling;
        const link: FrameLink = listen({
          onFrame: (frame) => this.#link === link && this.#feed({ type: 'frame', frame }),
          onDown: (reason) => {
            if (this.#link !== link) return;
            this.#link = null;
            this.#feed({ type: 'down', reason });
          },
          onConsole: (text) => this.#link === link && this.#listener.console(text),
        });
        if (!wanted) return link.destroy();
        this.#dialling = null;
        this.#link = link;
        this.#feed({ type: 'opened', wallMicros: this.#clock.wallMicros() });
      },
      (cause) => {
        stopTimer();
        if (this.#dialling !== dialling) return;
        this.#dialling = null;
        const error =
          cause instanceof BoardError
            ? cause
            : new BoardError('board.connect-failed', `Cannot connect: ${cause}`, { cause });
        this.#feed({ type: 'dialFailed', error });
      },
    );
  }

  #hangUp(clean: boolean): void {
    const dialling = this.#dialling;
    this.#dialling = null;
    dialling?.abort(new BoardError('board.closed', 'The dial was given up'));
    const link = this.#link;
    this.#link = null;
    if (clean) link?.end();
    else link?.destroy();
  }
}
