/** Leases over the link. Knows the `lease.*` methods; refuses to know links. */
import { hostname, userInfo } from 'node:os';
import { BoardError } from '../errors.js';
import type { Wire } from '../frame/cbor.js';
import type { Lease, LeaseOptions, LeaseState, Leases } from '../lease.js';
import { invoke } from '../messages/invoke.js';
import { Reader } from '../messages/reader.js';
import type { CallOptions } from '../options.js';
import { pick, tell } from './buffer.js';
import { type BoardContext, whole } from './context.js';

const defaultTtlMs = 30_000;
const dayMs = 86_400_000;

/** Calls back whenever the lease changes hands; returns what ends that. */
export type OnLeaseChange = (changed: () => void) => () => void;

/** {@link Leases} of a board. */
export function leasesOf({ client }: BoardContext, onChange: OnLeaseChange): Leases {
  const lease = (who: string, why: string): Lease => {
    const release = async (options: CallOptions = {}) => {
      await invoke(client, 'lease.release', {}, pick(options));
    };
    return { who, why, release, [Symbol.asyncDispose]: () => release() };
  };
  const state = async (options: CallOptions = {}): Promise<LeaseState> => {
    const { result } = await invoke(client, 'lease.state', {}, pick(options));
    return readLeaseState(result);
  };
  const ask = async (
    method: 'lease.acquire' | 'lease.take',
    { ttlMs = defaultTtlMs, why = '', who = whoAmI(), ...options }: LeaseOptions,
    waitMs: number,
  ): Promise<Lease> => {
    whole(ttlMs, 'ttlMs', 1000, dayMs);
    whole(waitMs, 'waitMs', 0, dayMs);
    await invoke(client, method, { 0: ttlMs, 1: who, 2: why, 3: waitMs }, pick(options));
    return lease(who, why);
  };
  return {
    async acquire({ waitMs = 0, onWaiting, ...options } = {}) {
      try {
        return await ask('lease.acquire', options, 0);
      } catch (error) {
        if (!(error instanceof BoardError) || error.code !== 'leaseHeld' || waitMs === 0) throw error;
        tell(onWaiting, heldBy(error.fields));
      }
      let waiting = true;
      const stop = onChange(async () => {
        const now = await state().catch(() => null);
        // A link that is down tells nothing; what it missed comes with the next change, and the lease itself by its call.
        if (now && waiting && !now.mine) tell(onWaiting, now);
      });
      try {
        return await ask('lease.acquire', options, waitMs);
      } finally {
        waiting = false;
        stop();
      }
    },
    take: (options = {}) => ask('lease.take', options, 0),
    state,
  };
}

/** lease-state. */
export function readLeaseState(result: Wire): LeaseState {
  const reader = new Reader(result, 'lease-state');
  return {
    mine: reader.bool(0),
    holder: reader.any(1) === null ? null : reader.text(1),
    why: reader.text(2),
    heldMs: reader.uint(3),
    expiresMs: reader.uint(4),
    waiting: reader.uint(5),
    place: reader.has(6) ? reader.uint(6) : null,
  };
}

/** The fields of `leaseHeld`, with the place that who waits takes now: behind all others. */
function heldBy(fields: Readonly<Record<string, unknown>>): LeaseState {
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  return {
    mine: false,
    holder: String(fields.holder ?? 'somebody'),
    why: String(fields.why ?? ''),
    heldMs: number(fields.heldMs),
    expiresMs: number(fields.expiresMs),
    waiting: number(fields.waiting),
    place: number(fields.waiting) + 1,
  };
}

function whoAmI(): string {
  return `${userInfo().username}@${hostname()}`;
}
