/**
 * The session as a pure state machine: HELLO, life signs, reconnecting, calls. Takes `(event, now)`, returns actions;
 * owns no clock, no socket, no thread. Surprising: a link that falls is no error for callers; they wait while it dials
 * again, until the board's grace time is over.
 */
import { BoardError } from '../errors.js';
import type { Frame } from '../frame/frame.js';
import { damaged, type FrameType, frameType } from '../frame/header.js';
import { deflateCapability, itemDeflateCapability } from '../link/deflate.js';
import {
  byeMeta,
  type Hello,
  helloMeta,
  isSerial,
  pingMeta,
  readBye,
  readEvent,
  readFail,
  readHello,
  readPong,
} from '../messages/session.js';
import { CallTable } from './calls.js';
import { type ClockEstimate, ClockSync } from './clock-sync.js';
import { type SessionAction, type SessionEvent, timing } from './types.js';

type Phase = 'idle' | 'dialing' | 'greeting' | 'open' | 'waiting' | 'ended';

interface PendingPing {
  key: number;
  hostMicros: number;
  deadlineAt: number;
}

const never = Number.POSITIVE_INFINITY;

/** One session with one board. */
export class Session {
  readonly #build: string;
  readonly #calls = new CallTable((action) => this.#out.push(action));
  #out: SessionAction[] = [];
  #phase: Phase = 'idle';
  #hello: Hello | null = null;
  #epoch = 0;
  /** Give up at: the connect deadline first, the end of the grace time later. */
  #giveUpAt = never;
  #phaseEndsAt = never;
  #retryMs: number = timing.retryMs;
  #lastLifeAt = 0;
  #nextPingAt = never;
  #suspect = false;
  #lastMicros = 0;
  #pings: PendingPing[] = [];
  #pingMs: number = timing.pingMs;
  #reason = '';
  #clock: ClockSync | null = null;

  /** `build`: what HELLO says we are. */
  constructor(build: string) {
    this.#build = build;
  }

  /** Takes an event, returns what is to be done, in order. */
  step(event: SessionEvent, now: number): SessionAction[] {
    this.#out = [];
    if (this.#phase !== 'ended') this.#dispatch(event, now);
    else if (event.type === 'call' || event.type === 'ping')
      this.#push({ type: 'fail', key: event.key, error: closed('The board is closed') });
    return this.#out;
  }

  /** Where the board's clock stands; `epochMs`: ms since 1970 of the zero of `now`. Null before the first PONG. */
  clock(epochMs: number): ClockEstimate | null {
    return this.#clock?.estimate(epochMs) ?? null;
  }

  /** When a `tick` is due; infinite where nothing waits for time. */
  wakeAt(): number {
    if (this.#phase === 'ended') return never;
    const pings = this.#pings.reduce((at, ping) => Math.min(at, ping.deadlineAt), never);
    const giveUp = this.#phase === 'open' || this.#phase === 'idle' ? never : this.#giveUpAt;
    const life = this.#phase === 'open' ? Math.min(this.#nextPingAt, this.#lifeEndsAt()) : never;
    return Math.min(this.#calls.wakeAt(), this.#phaseEndsAt, pings, giveUp, life);
  }

  #dispatch(event: SessionEvent, now: number): void {
    switch (event.type) {
      case 'start':
        this.#giveUpAt = now + event.timeoutMs;
        this.#dial(now);
        return;
      case 'opened':
        this.#greet(event.wallMicros, now);
        return;
      case 'dialFailed':
        if (this.#phase === 'dialing') this.#dropped(event.error.message, event.error, now);
        return;
      case 'frame':
        this.#frame(event.frame, now);
        return;
      case 'down':
        if (this.#phase === 'open' || this.#phase === 'greeting') this.#dropped(event.reason, null, now);
        return;
      case 'call':
        if (event.spec.epoch !== null && event.spec.epoch !== this.#epoch) {
          this.#push({ type: 'fail', key: event.key, error: stale() });
          return;
        }
        this.#calls.add(event.key, event.spec, now);
        if (this.#phase === 'open') this.#calls.pump(now);
        return;
      case 'ping':
        this.#pings.push({ key: event.key, hostMicros: -1, deadlineAt: now + event.timeoutMs });
        if (this.#phase === 'open') this.#ping(now);
        return;
      case 'cancel':
        this.#cancelPing(event.key);
        this.#calls.cancel(event.key, this.#phase === 'open', now);
        return;
      case 'consumed':
        this.#calls.consumed(event.key, event.sizeBytes, this.#phase === 'open');
        return;
      case 'close':
        this.#close(event.reason, event.error);
        return;
      case 'tick':
        this.#tick(now);
        return;
    }
  }

  #dial(now: number): void {
    this.#phase = 'dialing';
    const timeoutMs = this.#hello ? timing.dialMs : this.#giveUpAt - now;
    this.#phaseEndsAt = never;
    this.#push({ type: 'dial', timeoutMs: Math.max(1, Math.min(timeoutMs, this.#giveUpAt - now)) });
  }

  #greet(wallMicros: number, now: number): void {
    if (this.#phase !== 'dialing') return;
    this.#phase = 'greeting';
    this.#phaseEndsAt = now + timing.helloMs;
    const resume = this.#hello && { token: this.#hello.token, streams: this.#calls.streams() };
    this.#send(frameType.hello, helloMeta(this.#build, wallMicros, resume, [deflateCapability, itemDeflateCapability]));
  }

  #frame(frame: Frame, now: number): void {
    if (this.#phase !== 'open' && this.#phase !== 'greeting') return;
    try {
      if (this.#phase === 'greeting') this.#greeting(frame, now);
      else this.#receive(frame, now);
    } catch (error) {
      if (!(error instanceof BoardError)) throw error;
      this.#push({ type: 'hangUp', clean: false });
      this.#dropped(error.message, error, now);
    }
  }

  #greeting(frame: Frame, now: number): void {
    if (frame.type === frameType.fail) throw refusal(readFail(frame.meta, 'HELLO'));
    if (frame.type === frameType.bye) {
      const { reason, code, remedy } = readBye(frame.meta);
      const otherwise = 'The reason says why: close other sessions, or install client and agent of one version.';
      throw refusal(
        new BoardError(code ?? 'denied', `The agent refused the session: ${reason}`, { remedy: remedy ?? otherwise }),
      );
    }
    if (frame.type !== frameType.hello) throw damaged(`a frame of type ${frame.type} before HELLO`);
    const hello = readHello(frame.meta);
    const before = this.#hello;
    this.#hello = hello;
    this.#phase = 'open';
    this.#phaseEndsAt = never;
    this.#giveUpAt = never;
    this.#retryMs = timing.retryMs;
    this.#lastLifeAt = now;
    this.#nextPingAt = now + this.#pingMs;
    this.#pingMs = isSerial(hello) ? timing.serialPingMs : timing.pingMs;
    this.#calls.limit(hello);
    if (!before || !sameBytes(before.bootId, hello.bootId)) this.#clock = new ClockSync(hello.clockHz);
    if (before && hello.resumed && sameBytes(before.bootId, hello.bootId)) {
      this.#push({ type: 'state', state: 'connected', reason: 'The link is back; everything goes on' });
      this.#calls.resend(now);
    } else {
      this.#epoch += 1;
      if (before) this.#reset(before, hello);
      else this.#push({ type: 'ready', hello, epoch: this.#epoch });
    }
    // At once: the board holds only those to the rhythm who have begun it, and the clock is known from the start.
    this.#ping(now);
    this.#calls.pump(now);
  }

  /** A new session in place of the old one: nothing of before exists any more. */
  #reset(before: Hello, hello: Hello): void {
    const rebooted = !sameBytes(before.bootId, hello.bootId);
    const reason = rebooted
      ? 'The board or its agent restarted; everything made on it before is gone'
      : 'The board gave the session up while the link was down; everything made on it before is gone';
    this.#calls.failAll(
      (method) =>
        new BoardError(rebooted ? 'boardReset' : 'staleHandle', `${method}: ${reason}`, { fields: { method } }),
    );
    this.#push({ type: 'reset', hello, epoch: this.#epoch, reason });
    this.#push({ type: 'state', state: 'connected', reason });
  }

  #receive(frame: Frame, now: number): void {
    this.#lastLifeAt = now;
    if (this.#suspect) this.#setSuspect(false);
    switch (frame.type) {
      case frameType.reply:
      case frameType.fail:
      case frameType.item:
      case frameType.end:
        this.#calls.receive(frame, now);
        this.#calls.pump(now);
        return;
      case frameType.event: {
        const { lost, payload } = readEvent(frame.meta);
        this.#push({ type: 'event', topic: frame.method, payload, lost });
        return;
      }
      case frameType.pong:
        this.#pong(frame, now);
        return;
      case frameType.bye:
        // The agent ends or did not understand us; the next HELLO tells whether the session is still there.
        this.#push({ type: 'hangUp', clean: false });
        this.#dropped(`the board said goodbye: ${readBye(frame.meta).reason}`, null, now);
        return;
      default:
        throw damaged(`a frame of type ${frame.type}, which only a host sends`);
    }
  }

  #ping(now: number): void {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Math.round(now * 1000));
    for (const ping of this.#pings) if (ping.hostMicros < 0) ping.hostMicros = this.#lastMicros;
    this.#send(frameType.ping, pingMeta(this.#lastMicros));
    this.#nextPingAt = now + this.#pingMs;
  }

  #pong(frame: Frame, now: number): void {
    const { hostMicros, receivedTicks, sentTicks } = readPong(frame.meta);
    const heldMs = Math.max(0, ((sentTicks - receivedTicks) * 1000) / this.#hello!.clockHz);
    const roundTripMs = Math.max(0, now - hostMicros / 1000 - heldMs);
    this.#clock?.add({ sentMs: hostMicros / 1000, receivedTicks, answeredTicks: sentTicks, gotMs: now });
    this.#push({ type: 'clock' });
    const answered = this.#pings.filter((ping) => ping.hostMicros === hostMicros);
    this.#pings = this.#pings.filter((ping) => ping.hostMicros !== hostMicros);
    for (const { key } of answered) this.#push({ type: 'pong', key, roundTripMs, boardTicks: receivedTicks });
  }

  #cancelPing(key: number): void {
    if (!this.#pings.some((ping) => ping.key === key)) return;
    this.#pings = this.#pings.filter((ping) => ping.key !== key);
    this.#push({ type: 'fail', key, error: new BoardError('cancelled', 'ping was cancelled') });
  }

  #tick(now: number): void {
    this.#calls.expire(this.#phase === 'open', now);
    const late = this.#pings.filter((ping) => now >= ping.deadlineAt);
    this.#pings = this.#pings.filter((ping) => now < ping.deadlineAt);
    for (const { key } of late)
      this.#push({ type: 'fail', key, error: new BoardError('deadline', 'ping: no answer in time') });
    if (this.#phase === 'open') {
      this.#checkLife(now);
      return;
    }
    if (this.#phase === 'idle') return;
    if (now >= this.#giveUpAt) {
      this.#push({ type: 'hangUp', clean: false });
      this.#end(this.#gaveUp());
      return;
    }
    if (now < this.#phaseEndsAt) return;
    if (this.#phase === 'waiting') {
      this.#dial(now);
      return;
    }
    this.#push({ type: 'hangUp', clean: false });
    this.#dropped(
      'no HELLO',
      new BoardError('board.not-an-agent', 'It accepts connections but does not answer as npulabd'),
      now,
    );
  }

  #checkLife(now: number): void {
    const silence = now - this.#lastLifeAt;
    if (silence >= timing.downMs) {
      this.#push({ type: 'hangUp', clean: false });
      this.#dropped(`no sign of life for ${timing.downMs / 1000} s`, null, now);
      return;
    }
    if (silence >= timing.suspectMs && !this.#suspect) this.#setSuspect(true);
    if (now >= this.#nextPingAt) this.#ping(now);
  }

  #lifeEndsAt(): number {
    return this.#lastLifeAt + (this.#suspect ? timing.downMs : timing.suspectMs);
  }

  #setSuspect(suspect: boolean): void {
    this.#suspect = suspect;
    this.#push({ type: 'suspect', suspect });
  }

  /** The link is gone: the first time that is the end, later it is a pause. */
  #dropped(reason: string, error: BoardError | null, now: number): void {
    if (!this.#hello) {
      this.#end(
        notAnAgent(error) ?? new BoardError('board.not-an-agent', `The connection ended before HELLO: ${reason}`),
      );
      return;
    }
    if (error?.code === 'board.protocol-version') {
      this.#end(error);
      return;
    }
    if (this.#phase === 'open') {
      this.#giveUpAt = now + this.#hello.graceMs;
      this.#suspect = false;
      for (const ping of this.#pings) ping.hostMicros = -1;
      this.#push({ type: 'state', state: 'suspended', reason: `The link is down: ${reason}` });
    }
    this.#reason = reason;
    this.#phase = 'waiting';
    this.#phaseEndsAt = now + this.#retryMs;
    this.#retryMs = Math.min(this.#retryMs * 2, timing.retryMaxMs);
  }

  #gaveUp(): BoardError {
    if (this.#hello) {
      const seconds = this.#hello.graceMs / 1000;
      return new BoardError(
        'linkLost',
        `The link stayed down for ${seconds} s, the board's grace time: ${this.#reason}`,
      );
    }
    if (this.#phase === 'greeting')
      return new BoardError('board.not-an-agent', 'It accepts connections but does not answer as npulabd');
    return new BoardError('board.connect-timeout', 'No connection in time');
  }

  #close(reason: string, error: BoardError | null): void {
    if (this.#phase === 'open' && !error) this.#send(frameType.bye, byeMeta(reason));
    this.#push({ type: 'hangUp', clean: true });
    this.#end(error ?? closed(reason));
  }

  #end(error: BoardError): void {
    this.#phase = 'ended';
    const again = (method: string) =>
      new BoardError(error.code, `${method}: ${error.message}`, {
        remedy: error.remedy,
        fields: { ...error.fields, method },
      });
    this.#calls.failAll(again);
    for (const { key } of this.#pings) this.#push({ type: 'fail', key, error: again('ping') });
    this.#pings = [];
    this.#push({ type: 'ended', error });
  }

  #send(type: FrameType, meta: Uint8Array): void {
    this.#push({ type: 'send', frame: { type, flags: 0, method: 0, call: 0, meta, body: null } });
  }

  #push(action: SessionAction): void {
    this.#out.push(action);
  }
}

/** The agent refuses us: where it says `unsupported`, for our version. */
function refusal(error: BoardError): BoardError {
  if (error.code !== 'unsupported') return error;
  return new BoardError('board.protocol-version', error.message, { remedy: error.remedy, fields: error.fields });
}

/** Damage before the first HELLO means that the peer is something else. */
function notAnAgent(error: BoardError | null): BoardError | null {
  if (error?.code !== 'board.damaged-message') return error;
  return new BoardError(
    'board.not-an-agent',
    `What listens there does not speak the protocol of npulabd: ${error.message}`,
    { cause: error },
  );
}

function closed(reason: string): BoardError {
  return new BoardError('board.closed', reason);
}

function stale(): BoardError {
  return new BoardError('staleHandle', 'The object belongs to a session that has ended');
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
