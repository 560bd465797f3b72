/** A cable between two pseudo-terminals, with everything in the middle that a test wants there. Knows the faults; refuses to know what travels. */
import { openPty, type Pty } from './pty.js';
import { FaultLine, type Faults, noFaults } from './uart/fault-line.js';
import { Random } from './uart/random.js';

/** The two ends. */
export interface NullModem {
  /** What the host opens. */
  ours: string;
  /** What the agent opens. */
  theirs: string;
  /** Pulls the host's adapter out. */
  unplug(): void;
  remove(): void;
}

/** A cable; `faults` act both ways, in real time, by `seed`. */
export async function nullModem(faults: Partial<Faults> = {}, seed = 1): Promise<NullModem> {
  const [ours, theirs] = await Promise.all([openPty(), openPty()]);
  const random = new Random(seed);
  const settings = { ...noFaults, latencyMs: 0, ...faults };
  const stops = [
    carry(ours, theirs, new FaultLine(random, settings)),
    carry(theirs, ours, new FaultLine(random, settings)),
  ];
  const remove = () => {
    for (const stop of stops) stop();
    ours.remove();
    theirs.remove();
  };
  return { ours: ours.path, theirs: theirs.path, unplug: () => ours.remove(), remove };
}

function carry(from: Pty, to: Pty, line: FaultLine): () => void {
  let timer: NodeJS.Timeout | undefined;
  const pump = () => {
    for (const bytes of line.take(performance.now())) to.far.write([bytes]);
    clearTimeout(timer);
    const next = line.nextAt();
    if (Number.isFinite(next)) timer = setTimeout(pump, Math.max(0, next - performance.now()));
  };
  from.far.start({
    onData: (chunk) => {
      line.write(chunk.slice(), performance.now());
      pump();
    },
    onDrain: () => undefined,
    onClose: () => undefined,
  });
  return () => clearTimeout(timer);
}
