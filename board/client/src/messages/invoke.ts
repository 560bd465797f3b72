/** One call by name with arguments as CBOR values. Knows methods' own deadlines; refuses to know who carries the call. */
import { encodeCbor, type Wire } from '../frame/cbor.js';
import type { CallOptions } from '../options.js';
import type { Caller, CallResult, StreamItem } from '../session/runner.js';
import { type MethodName, method } from './methods.js';

/** Options of {@link invoke}. */
export interface InvokeOptions extends CallOptions {
  body?: Uint8Array<ArrayBuffer> | null;
  /** Session whose handles the arguments name; absent: they name none. */
  epoch?: number | null;
  onItem?: (item: StreamItem) => void;
}

/** Calls a method. `args`: values by key, `undefined` ones are left out. */
export function invoke(
  caller: Caller,
  name: MethodName,
  args: Readonly<Record<number, Wire | undefined>>,
  { body = null, epoch = null, onItem, signal, timeoutMs }: InvokeOptions = {},
): Promise<CallResult> {
  const { number, timeoutMs: own } = method(name);
  const given = Object.entries(args).flatMap(([key, value]): [number, Wire][] =>
    value === undefined ? [] : [[Number(key), value]],
  );
  const spec = { method: number, args: encodeCbor(new Map(given)), body, timeoutMs: timeoutMs ?? own, epoch };
  return caller.call(spec, signal, onItem);
}
