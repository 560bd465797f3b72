/**
 * The methods of link.cddl, one line each. Knows numbers, retry class, own deadline, streaming; refuses to know arguments.
 * `undo`: the method that frees what a result holds, for results nobody waits for any more.
 */

/** How a call may be repeated after a reconnect; the board keeps the results of `once` calls. */
export type RetryClass = 'pure' | 'idempotent' | 'once';

/** One method. */
export interface Method {
  name: string;
  number: number;
  retry: RetryClass;
  /** Deadline where the caller names none, ms; null: the work may take hours, the keepalive watches the link. */
  timeoutMs: number | null;
  /** The reply is preceded by ITEM frames. */
  stream: boolean;
  undo: number | null;
}

const second = 1000;
const hours = null;

// biome-ignore format: a table
const rows = [
  // name             number  retry         own deadline   stream  undo
  ['sys.info',        0x0001, 'pure',        10 * second,  false,  null  ],
  ['sys.devices',     0x0002, 'pure',        10 * second,  false,  null  ],
  ['sys.echo',        0x0003, 'pure',        60 * second,  false,  null  ],
  ['sys.link',        0x0004, 'pure',        10 * second,  false,  null  ],
  ['lease.acquire',   0x0008, 'once',         hours,       false,  null  ],
  ['lease.release',   0x0009, 'idempotent',  10 * second,  false,  null  ],
  ['lease.take',      0x000a, 'once',        10 * second,  false,  null  ],
  ['lease.state',     0x000b, 'pure',        10 * second,  false,  null  ],
  ['mem.alloc',       0x0010, 'once',        30 * second,  false,  0x0011],
  ['mem.free',        0x0011, 'once',        30 * second,  false,  null  ],
  ['mem.write',       0x0012, 'idempotent',  60 * second,  false,  null  ],
  ['mem.read',        0x0013, 'pure',        60 * second,  false,  null  ],
  ['mem.fill',        0x0014, 'idempotent',  60 * second,  false,  null  ],
  ['mem.summary',     0x0015, 'pure',        60 * second,  false,  null  ],
  ['mem.digest',      0x0016, 'pure',        60 * second,  false,  null  ],
  ['task.submit',     0x0020, 'once',        30 * second,  false,  null  ],
  ['task.wait',       0x0021, 'pure',        hours,        false,  null  ],
  ['blob.has',        0x0030, 'pure',        30 * second,  false,  null  ],
  ['blob.begin',      0x0031, 'idempotent', 120 * second,  false,  null  ],
  ['blob.put',        0x0032, 'idempotent', 120 * second,  false,  null  ],
  ['blob.commit',     0x0033, 'idempotent',  hours,        false,  null  ],
  ['blob.list',       0x0034, 'pure',        30 * second,  false,  null  ],
  ['blob.pin',        0x0035, 'idempotent',  30 * second,  false,  null  ],
  ['blob.remove',     0x0036, 'idempotent',  30 * second,  false,  null  ],
  ['blob.gc',         0x0037, 'idempotent', 120 * second,  false,  null  ],
  ['blob.import',     0x0038, 'idempotent',  hours,        true,   null  ],
  ['blob.importable', 0x0039, 'pure',        30 * second,  false,  null  ],
  ['model.load',      0x0040, 'once',        hours,        true,   0x0041],
  ['model.unload',    0x0041, 'once',        60 * second,  false,  null  ],
  ['model.operators', 0x0042, 'pure',        30 * second,  true,   null  ],
  ['infer.open',      0x0050, 'once',        60 * second,  false,  0x0058],
  ['infer.step',      0x0051, 'once',        hours,        false,  null  ],
  ['infer.generate',  0x0052, 'once',        hours,        true,   null  ],
  ['infer.tensor',    0x0053, 'pure',        60 * second,  false,  null  ],
  ['infer.replace',   0x0054, 'once',        60 * second,  false,  null  ],
  ['infer.summary',   0x0055, 'pure',        60 * second,  false,  null  ],
  ['infer.snapshot',  0x0056, 'once',        30 * second,  false,  null  ],
  ['infer.rewind',    0x0057, 'once',        60 * second,  false,  null  ],
  ['infer.close',     0x0058, 'once',        30 * second,  false,  null  ],
  ['npu.registers',   0x0060, 'pure',        30 * second,  false,  null  ],
  ['npu.mixes',       0x0061, 'pure',        30 * second,  false,  null  ],
  ['npu.address',     0x0062, 'pure',        30 * second,  false,  null  ],
  ['npu.submit',      0x0063, 'once',        30 * second,  false,  null  ],
  ['npu.step',        0x0064, 'once',         hours,        false,  null  ],
  ['npu.counters',    0x0065, 'pure',        30 * second,  false,  null  ],
  ['npu.disassemble', 0x0066, 'pure',        30 * second,  false,  null  ],
  ['npu.listing',     0x0067, 'pure',        60 * second,  false,  null  ],
  ['npu.capture',     0x0068, 'once',        30 * second,  false,  null  ],
  ['npu.captured',    0x0069, 'once',       120 * second,  false,  null  ],
  ['npu.captureFile', 0x006a, 'pure',        60 * second,  false,  null  ],
] as const;

/** Names of the methods, as in link.cddl. */
export type MethodName = (typeof rows)[number][0];

const byName = new Map<string, Method>();
const byNumber = new Map<number, Method>();
for (const [name, number, retry, timeoutMs, stream, undo] of rows) {
  const method: Method = { name, number, retry, timeoutMs, stream, undo };
  byName.set(name, method);
  byNumber.set(number, method);
}

/** The method of a name. */
export function method(name: MethodName): Method {
  return byName.get(name)!;
}

/** The method of a number, where there is one. */
export function methodOf(number: number): Method | undefined {
  return byNumber.get(number);
}

/** All of them, in the order of link.cddl. */
export function methods(): readonly Method[] {
  return [...byName.values()];
}

/** Topics of EVENT frames. */
export const topic = {
  log: 0x8001,
  deviceState: 0x8002,
  lease: 0x8003,
  console: 0x8004,
  progress: 0x8005,
  queue: 0x8006,
} as const;
