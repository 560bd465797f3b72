/**
 * What an object offers, shown where somebody looks at the object itself: one line to copy per method. The types hold the
 * lists complete: a method without a line, or a line without a method, does not compile.
 */
import type { Blobs, Leases, Memory, Models, Npu, Tasks } from '@npulab/board';
import { type Bundle, card, jupyterDisplay } from '../display/index.js';

/** A line per method of `Offered`; its displays apart. */
export type Menu<Offered> = Readonly<Record<Exclude<keyof Offered, symbol>, string>>;

const memory: Menu<Memory> = {
  allocate: 'const buffer = await board.memory.allocate(4096)  // write, read, fill, summary, digest, free',
};

const tasks: Menu<Tasks> = {
  submit:
    "const task = await board.tasks.submit({ kind: 'matmulInt8', m, k, n, a, b, c }); await task.wait()  // or 'matmulFp16'",
};

const npu: Menu<Npu> = {
  registers: 'const map = await board.npu.registers()',
  address: 'await board.npu.address(buffer)  // where the device sees it',
  disassemble: 'await board.npu.disassemble({ buffer: commands, words: 117 })',
  submit: 'const job = await board.npu.submit(program, { stepped: true })',
  step: 'await board.npu.step(job)  // one task, with its modelled time',
  counters: 'await board.npu.counters()',
  capture: "const capture = await board.npu.capture(() => run.step({ until: 'layer' })); await capture.save('capture')",
};

const blobs: Menu<Blobs> = {
  has: 'await board.blobs.has([id])',
  put: "const { id } = await board.blobs.put({ path: 'model.safetensors' })",
  list: 'await board.blobs.list()',
  pin: 'await board.blobs.pin(id)  // pin(id, false) lets it go',
  remove: 'await board.blobs.remove(id)',
  collect: 'await board.blobs.collect(freeBytes)  // removes what was longest unused',
  importable: 'await board.blobs.importable()  // files that are on the board already',
  import: "await board.blobs.import('model.safetensors')",
};

const lease: Menu<Leases> = {
  acquire: "await using mine = await board.lease.acquire({ why: 'measuring', waitMs: 60_000 })",
  take: "await using mine = await board.lease.take({ why: 'measuring' })  // from whoever holds it",
  state: 'await board.lease.state()  // who holds it, and why',
};

const boardModels: Menu<Models> = {
  load: 'const loaded = await board.models.load(q)  // a quantized model, or a folder',
};

const boardMenus = {
  memory: ['Memory of the board', memory],
  tasks: ["The NPU's queue", tasks],
  npu: ['The NPU by hand', npu],
  blobs: ["The board's store", blobs],
  lease: ['Who may change the board', lease],
  models: ['Models on the board', boardModels],
} as const;

/** The bundle of a menu. */
export function menuBundle<Offered>(title: string, menu: Menu<Offered>): Bundle | Promise<Bundle> {
  return card(title, menu)[jupyterDisplay]();
}

/** The bundle for one of the client's groups of methods. */
export function boardMenu(name: keyof typeof boardMenus): Bundle | Promise<Bundle> {
  const [title, menu] = boardMenus[name];
  return card(title, menu)[jupyterDisplay]();
}
