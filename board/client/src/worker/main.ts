/** Entry of the link thread. Knows worker_threads; the work is in `serve`. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../session/clock.js';
import { endpointOf, type Target } from './channel.js';
import { serve } from './serve.js';

if (parentPort) {
  const port = parentPort;
  const { target, build } = workerData as { target: Target; build: string };
  serve({ endpoint: endpointOf(port), target, build, clock: systemClock, onClosed: () => port.close() });
}
