/**
 * What an object offers, shown where somebody looks at the object itself: one line to copy per method. The types hold the
 * lists complete: a method without a line, or a line without a method, does not compile.
 */
import type { Blobs, Leases, Memory, Models, Npu, Tasks } from '@npulab/board';
import { type Bundle, card, jupyterDisplay } from '../display/index.js';
import type { LabModels } from './models.js';
import type { LabPlot } from './plot.js';
import type { LabQuant } from './quant.js';

type Menu<Offered> = Readonly<Record<Exclude<keyof Offered, symbol>, string>>;

const memory: Menu<Memory> = {
  allocate: 'const buffer = await board.memory.allocate(4096)  // write, read, fill, summary, digest, free',
};

const tasks: Menu<Tasks> = {
  submit: "const task = await board.tasks.submit({ kind: 'matmulInt8', m, k, n, a, b, c }); await task.wait()",
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

const models: Menu<LabModels> = {
  open: "const model = await lab.models.open('tiny')  // or a folder, or a llama2.c file",
};

const quant: Menu<LabQuant> = {
  rtn: 'const q = await lab.quant.rtn(model, { bits: 8 })',
  gptq: "const q = await lab.quant.gptq(model, { bits: 8, calibration: lab.corpus('calibration') })",
  evaluate: "await lab.quant.evaluate(q, lab.corpus('evaluation'), { reference: model })",
  layerErrors: "await lab.quant.layerErrors(model, q, lab.corpus('evaluation').slice(0, 3))",
  save: "await lab.quant.save(q, 'out/model-int8')",
  generate: "await lab.quant.generate(model, 'One morning', { maxTokens: 32 })",
};

const plot: Menu<LabPlot> = {
  latency: "lab.plot.latency(run.trace, { by: 'layer', board })  // 'operator', 'token'",
  chart: "lab.plot.chart({ data: { values }, mark: 'line', encoding: { x: { field: 'x' }, y: { field: 'y' } } })",
};

const boardModels: Menu<Models> = {
  load: 'const loaded = await board.models.load(q)  // a quantized model, or a folder',
};

const menus = { memory, tasks, npu, blobs, lease, boardModels, models, quant, plot } as const;

const titles: Readonly<Record<keyof typeof menus, string>> = {
  memory: 'Memory of the board',
  tasks: "The NPU's queue",
  npu: 'The NPU by hand',
  blobs: "The board's store",
  lease: 'Who may change the board',
  boardModels: 'Models on the board',
  models: 'Models',
  quant: 'Quantizers and metrics',
  plot: 'Charts',
};

/** The bundle of one menu. */
export function menuBundle(name: keyof typeof menus): Bundle | Promise<Bundle> {
  return card(titles[name], menus[name])[jupyterDisplay]();
}
