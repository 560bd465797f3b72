/** The names a cell sees, composed from `display` and `lab`. Loaded by the engine in its child process. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDisplay, createWidgets, html, jupyterDisplay, md, present, svg, tex } from '../display/index.js';
import type { CellGlobals, CellHost } from '../engine/cell-host.js';
import { Lab } from '../lab/index.js';
import { typescriptVersion, version } from '../version.js';
import { logFolder } from './log-file.js';
import { tslabModule } from './tslab.js';

/** Lines after an error's message: its code and what to do, where it carries them. */
function explain(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null) return [];
  const { code, remedy } = error as { code?: unknown; remedy?: unknown };
  return [
    ...(typeof code === 'string' && typeof remedy === 'string' ? [`code: ${code}`] : []),
    ...(typeof remedy === 'string' ? [`remedy: ${remedy}`] : []),
  ];
}

/** The built code of this product: no frame of it tells a user where to look. */
const internals = ['@npulab/board', '@npulab/quant', '@npulab/addon', '@npulab/kernel'].map((name) =>
  dirname(fileURLToPath(import.meta.resolve(name))),
);

/** Called once by the engine, before the first cell. */
export async function createCellGlobals(host: CellHost): Promise<CellGlobals> {
  const { display, progress } = createDisplay(host, () => performance.now());
  const lab = new Lab({
    display,
    progress,
    get signal() {
      return host.signal;
    },
    folder: host.folder,
    logFolder: logFolder(),
    kernelVersion: version,
  });
  const kernel = {
    /** What runs here; `agent` once a board is connected. */
    get versions() {
      const agent = lab.agentVersion;
      return {
        ...{ kernel: version, typescript: typescriptVersion, node: process.versions.node },
        ...(agent === undefined ? {} : { agent }),
      };
    },
    /** Settings of this kernel, for example `kernel.settings.check = 'warn'`. */
    settings: host.settings,
    /** Channels to objects in the front end. */
    comms: host.comms,
    /** Controls that a user moves: slider, dropdown, button, progress. */
    widgets: createWidgets(host.comms),
    /** Aborts when the running cell is interrupted. */
    get signal(): AbortSignal {
      return host.signal;
    },
    /** Removes the cell's outputs; with `wait`, when the next one arrives. */
    clearOutput: (wait = false): void => host.clearOutput(wait),
    [jupyterDisplay]: () => ({ 'text/plain': `NPU Lab kernel ${version}` }),
  };
  const input = (prompt = '', { password = false } = {}): Promise<string> =>
    host.input({ prompt: String(prompt), password });
  return {
    names: { lab, input, display, progress, html, md, svg, tex, kernel },
    modules: { tslab: tslabModule((data, options) => host.display(data, options)) },
    present,
    explain,
    internals,
    dispose: () => lab.dispose(),
  };
}
