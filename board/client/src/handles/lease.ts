/** Leases over the link. Knows the `lease.*` methods; refuses to know links. */
import { hostname, userInfo } from 'node:os';
import type { Wire } from '../frame/cbor.js';
import type { Lease, LeaseOptions, LeaseState, Leases } from '../lease.js';
import { invoke } from '../messages/invoke.js';
import { Reader } from '../messages/reader.js';
import type { CallOptions } from '../options.js';
import { pick, tell } from './buffer.js';
import { type BoardContext, whole } from './context.js';

const defaultTtlMs = 30_000;
const dayMs = 86_400_000;

/** Calls back with what is new to this session in the queue; returns what ends that. */
export type OnQueue = (told: (state: LeaseState) => void) => () => void;

/** {@link Leases} of a board. */
export function leasesOf({ client }: BoardContext, onQueue: OnQueue): Leases {
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
      const stop = onQueue((state) => tell(onWaiting, state));
      try {
        return await ask('lease.acquire', options, waitMs);
      } finally {
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

function whoAmI(): string {
  return `${userInfo().username}@${hostname()}`;
}
