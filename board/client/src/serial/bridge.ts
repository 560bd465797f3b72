/**
 * One serial port for several programs: a lane of the line for each (link.cddl, "Lanes"), so that the board keeps a session, rights
 * and a cipher per program. Knows lanes and turns; refuses to know what a frame holds, and where programs come from.
 */
import { BoardError } from '../errors.js';
import type { Clock } from '../session/clock.js';
import type { Transport } from '../transport/transport.js';
import { laneOffer, laneTag, readLane, readLaneOffer } from '../uart/lanes.js';
import { Line } from '../uart/line.js';
import { Guest } from './guest.js';
import { SharedPort } from './shared-port.js';

/** Bytes of each channel that the line may hold beside the frame under way; the rest waits its turn. */
const queuedBytes = [2 * 1024, 16 * 1024] as const;
/** A line that says nothing for so long is opened anew for the next program. */
const silentMs = 6_000;

/** What a bridge is made of. */
export interface BridgeOptions {
  port: Transport;
  clock: Clock;
  baud: number;
  /** Name of the port, for messages. */
  path: string;
  /** Programs came or went. */
  onGuests(guests: readonly { pid: number; what: string }[]): void;
  /** The port is gone; nothing follows. */
  onGone(): void;
}

/** A bridge. */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #port: SharedPort;
  /** In turns: who was served goes to the end. */
  #guests: Guest[] = [];
  #line: Line | null = null;
  /** The board has agreed to lanes. */
  #shared = false;
  #lanes = 0;
  #heardAt = 0;
  #damaged = 0;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#port = new SharedPort(options.port, (reason) => {
      this.#lineDown(reason);
      options.onGone();
    });
  }

  /** A program connected. */
  accept(socket: Transport): void {
    const guest = new Guest(socket, {
      onJoin: (one, { baud }) => this.#join(one, baud),
      onFrame: () => this.#pump(),
      onGone: (one) => this.#leave(one),
    });
    this.#guests.push(guest);
  }

  #join(guest: Guest, baud: number): void {
    const { path } = this.#options;
    if (baud !== this.#options.baud) {
      const users = this.#guests.flatMap(({ name }) => (name && name !== guest.name ? [name.what] : []));
      guest.refuse(
        new BoardError('board.serial-held', `${path} is open at ${this.#options.baud} baud, for ${users.join(', ')}`, {
          remedy: `Use the same rate, ?baud=${this.#options.baud}, or end what uses the port.`,
          fields: { path, baud: this.#options.baud },
        }),
      );
      return;
    }
    this.#tellGuests();
    const silent = this.#options.clock.now() - this.#heardAt > silentMs;
    if (this.#line && this.#shared && silent) this.#lineDown('the serial line was silent', guest);
    if (this.#line && this.#shared) this.#open(guest);
    else if (!this.#line) this.#openLine();
  }

  #openLine(): void {
    const { clock, baud, path } = this.#options;
    this.#shared = false;
    this.#heardAt = clock.now();
    this.#damaged = 0;
    const transport = this.#port.attach();
    const line = new Line(
      {
        ...transport,
        start: (events) =>
          transport.start({
            ...events,
            onData: (chunk) => {
              events.onData(chunk);
              this.#heard(line);
            },
          }),
      },
      {
        role: 'host',
        clock,
        // 8N1.
        bytesPerMs: baud / 10 / 1000,
        onOpen: () => line.send(0, [laneOffer(0)]),
        onRoom: () => this.#pump(),
      },
    );
    this.#line = line;
    line.listen({
      onFrame: (channel, bytes) => this.#line === line && this.#frame(channel, bytes, path),
      onConsole: (text) => {
        for (const guest of this.#guests) if (guest.name) guest.console(text);
      },
      onDown: (reason) => this.#line === line && this.#lineDown(reason),
    });
  }

  #heard(line: Line): void {
    if (this.#line !== line) return;
    this.#heardAt = this.#options.clock.now();
    const { damaged } = line.facts;
    if (this.#shared || damaged === this.#damaged) return;
    this.#damaged = damaged;
    for (const guest of this.#guests) guest.tell({ type: 'damaged', count: damaged });
  }

  #frame(channel: 0 | 1, bytes: Uint8Array, path: string): void {
    if (!this.#shared) {
      if (readLaneOffer(bytes) !== null) {
        this.#shared = true;
        for (const guest of this.#guests) if (guest.name) this.#open(guest);
        return;
      }
      const cause = `The agent on ${path} serves one program at a time; this client shares the port`;
      const guests = this.#guests;
      this.#dropLine();
      for (const guest of guests) guest.refuse(new BoardError('board.protocol-version', cause));
      return;
    }
    const found = readLane(bytes);
    const guest = this.#guests.find(({ lane }) => lane === found?.lane);
    // What comes late for a program that has left.
    if (!found || !guest) return;
    if (found.frame.byteLength > 0) guest.deliver(channel, found.frame);
    else guest.down('the board ended the connection');
  }

  #open(guest: Guest): void {
    guest.open = true;
    guest.tell({ type: 'open' });
  }

  #leave(guest: Guest): void {
    // What it said last (a BYE) is sent before its lane ends.
    if (guest.open && this.#line) this.#pump();
    else this.#forget(guest);
  }

  #forget(guest: Guest): void {
    this.#guests = this.#guests.filter((one) => one !== guest);
    this.#tellGuests();
    // A line that nobody waits for any more is not opened.
    if (this.#guests.length === 0 && !this.#shared) this.#dropLine();
  }

  #tellGuests(): void {
    this.#options.onGuests(this.#guests.flatMap(({ name, gone }) => (name && !gone ? [name] : [])));
  }

  /** One frame of each program in turn, as long as little waits in the line. */
  #pump(): void {
    for (const channel of [0, 1] as const) {
      while (this.#line && this.#shared && this.#line.queuedBytes(channel) < queuedBytes[channel]) {
        if (!this.#sendOne(this.#line, channel)) break;
      }
    }
  }

  #sendOne(line: Line, channel: 0 | 1): boolean {
    for (const guest of this.#guests) {
      if (!guest.open) continue;
      const frame = guest.next(channel);
      const over = !frame && guest.gone && channel === 0;
      if (!frame && !over) continue;
      // Numbers grow in the order in which the board sees them first.
      if (guest.lane === null) this.#lanes += 1;
      guest.lane ??= this.#lanes;
      const tag = laneTag(guest.lane);
      this.#guests = [...this.#guests.filter((one) => one !== guest), guest];
      if (over) this.#forget(guest);
      line.send(channel, frame ? [frame, tag] : [tag]);
      return true;
    }
    return false;
  }

  #dropLine(): void {
    const line = this.#line;
    this.#line = null;
    this.#shared = false;
    line?.destroy();
  }

  /** Ends every program's connection but that of `spared`, which has none yet. */
  #lineDown(reason: string, spared: Guest | null = null): void {
    this.#dropLine();
    const guests = this.#guests;
    this.#guests = spared ? [spared] : [];
    this.#lanes = 0;
    for (const guest of guests) if (guest !== spared) guest.down(reason);
    this.#tellGuests();
  }
}
