/** Two ARQs, a bad line each way, and virtual time: runs until everything has arrived, or time is up. */
import { Arq, type ArqAction } from '../../src/uart/arq.js';
import { FaultLine, type Faults, noFaults } from './fault-line.js';
import { Random } from './random.js';

/** One end and what came out of it. */
export interface End {
  arq: Arq;
  out: FaultLine;
  frames: { channel: 0 | 1; bytes: Uint8Array; at: number }[];
  console: string;
  opened: number;
  restarted: number;
  broken: string | null;
}

/** Time is up, or nothing will ever happen again: what a hang looks like in virtual time. */
export class NeverDone extends Error {}

/** A line with both ends. */
export class TwoEnds {
  readonly random: Random;
  readonly host: End;
  readonly board: End;
  now = 0;

  constructor(seed: number, faults: Partial<Faults> = {}, back: Partial<Faults> = faults, bytesPerMs?: number) {
    this.random = new Random(seed);
    this.host = this.#end('host', { ...noFaults, ...faults }, bytesPerMs);
    this.board = this.#end('board', { ...noFaults, ...back }, bytesPerMs);
    this.host.arq.start(0);
    this.board.arq.start(0);
  }

  /** Puts a new ARQ in place of an end, as a restart does. */
  restart(end: End, role: 'host' | 'board', bytesPerMs?: number): void {
    end.arq = this.#arq(role, bytesPerMs);
    end.arq.start(this.now);
  }

  /** Runs until `done`; throws `NeverDone` after `limitMs` of virtual time. */
  run(done: () => boolean, limitMs: number): void {
    let idleRounds = 0;
    while (!done()) {
      this.#pump(this.host, this.board);
      this.#pump(this.board, this.host);
      if (done()) return;
      const next = Math.min(
        this.host.arq.wakeAt(),
        this.board.arq.wakeAt(),
        this.host.out.nextAt(),
        this.board.out.nextAt(),
      );
      if (!Number.isFinite(next) && next > 0) throw new NeverDone(`nothing will ever happen again at ${this.now} ms`);
      idleRounds = next <= this.now ? idleRounds + 1 : 0;
      if (idleRounds > 1000) throw new NeverDone(`time stands still at ${this.now} ms`);
      this.now = Math.max(this.now, next);
      if (this.now > limitMs) throw new NeverDone(`not done after ${limitMs} ms of virtual time`);
    }
  }

  #pump(from: End, to: End): void {
    for (const chunk of from.out.take(this.now)) this.#note(to, to.arq.receive(chunk, this.now));
    for (let bytes = from.arq.poll(this.now); bytes; bytes = from.arq.poll(this.now)) from.out.write(bytes, this.now);
  }

  #note(end: End, actions: readonly ArqAction[]): void {
    for (const action of actions) {
      if (action.type === 'frame') end.frames.push({ channel: action.channel, bytes: action.bytes, at: this.now });
      else if (action.type === 'console') end.console += action.text;
      else if (action.type === 'open') end.opened += 1;
      else if (action.type === 'restarted') end.restarted += 1;
      else end.broken = action.error.message;
    }
  }

  #arq(role: 'host' | 'board', bytesPerMs: number | undefined): Arq {
    const epoch = 1 + this.random.below(0xffff_fffe);
    return new Arq({ role, epoch, ...(bytesPerMs !== undefined && { bytesPerMs }) });
  }

  #end(role: 'host' | 'board', faults: Faults, bytesPerMs: number | undefined): End {
    const arq = this.#arq(role, bytesPerMs);
    return {
      arq,
      out: new FaultLine(this.random, faults),
      frames: [],
      console: '',
      opened: 0,
      restarted: 0,
      broken: null,
    };
  }
}
