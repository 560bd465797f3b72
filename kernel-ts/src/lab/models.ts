/** Opens models: the default one by name, any other by path. Knows where the default model lies, not what is in a file. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LlamaModel } from '@npulab/quant';
import { type Displayable, jupyterDisplay } from '../display/index.js';
import type { LabContext, WaitOptions } from './context.js';
import { LabError } from './errors.js';
import { modelFace } from './faces.js';
import type { Ledger } from './ledger.js';
import { type Menu, menuBundle } from './menus.js';

/** Folder of the default model inside @npulab/quant. */
export function defaultModelFolder(): string {
  const entry = fileURLToPath(import.meta.resolve('@npulab/quant'));
  return resolve(dirname(entry), '../models/tiny');
}

const menu: Menu<LabModels> = {
  open: "const model = await lab.models.open('tiny')  // or a folder, or a llama2.c file",
};

export class LabModels implements Displayable {
  readonly #context: LabContext;
  readonly #ledger: Ledger;

  constructor(context: LabContext, ledger: Ledger) {
    this.#context = context;
    this.#ledger = ledger;
  }

  /**
   * Opens a model: `'tiny'`, a folder (config.json, model.safetensors, tokenizer.model) or a llama2.c file. Weights stay
   * in the mapped file. Fails with `model.*` and a remedy where the path is no model or the file is damaged.
   *
   * @example const model = await lab.models.open('tiny');
   */
  async open(nameOrPath = 'tiny', options: WaitOptions = {}): Promise<LlamaModel> {
    if (typeof nameOrPath !== 'string' || nameOrPath === '') {
      throw new LabError('lab.unknown-model', 'lab.models.open needs a name or a path');
    }
    const path = nameOrPath === 'tiny' ? defaultModelFolder() : resolve(this.#context.folder, nameOrPath);
    const signal = options.signal ?? this.#context.signal;
    const { openModel } = await import('@npulab/quant');
    const model = await openModel(path, { signal });
    const digest = await model.digest({ signal });
    this.#ledger.add('models', { name: model.name, digest });
    return modelFace(model, digest);
  }

  [jupyterDisplay]() {
    return menuBundle('Models', menu);
  }
}
