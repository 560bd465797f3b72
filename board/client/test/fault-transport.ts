/** A transport that passes through fault lines in real time: what one writes comes out of the other late, less or wrong. */
import type { Transport, TransportEvents } from '../src/transport/transport.js';
import { FaultLine, type Faults, noFaults } from './uart/fault-line.js';
import type { Random } from './uart/random.js';

export function faulty(inner: Transport, random: Random, faults: Partial<Faults>): Transport {
  const settings = { ...noFaults, latencyMs: 0, ...faults };
  const [out, back] = [new FaultLine(random, settings), new FaultLine(random, settings)];
  let events: TransportEvents | null = null;
  let timer: NodeJS.Timeout | undefined;
  const pump = () => {
    const now = performance.now();
    for (const bytes of out.take(now)) inner.write([bytes]);
    for (const bytes of back.take(now)) events?.onData(bytes);
    const next = Math.min(out.nextAt(), back.nextAt());
    clearTimeout(timer);
    if (Number.isFinite(next)) timer = setTimeout(pump, Math.max(0, next - performance.now()));
  };
  const stop = () => clearTimeout(timer);
  return {
    start(listener) {
      events = listener;
      inner.start({
        onData: (chunk) => {
          back.write(chunk.slice(), performance.now());
          pump();
        },
        onDrain: () => listener.onDrain(),
        onClose: (reason) => {
          stop();
          listener.onClose(reason);
        },
      });
    },
    write(pieces) {
      for (const piece of pieces) out.write(piece, performance.now());
      pump();
      return true;
    },
    end() {
      stop();
      inner.end();
    },
    destroy() {
      stop();
      inner.destroy();
    },
  };
}
