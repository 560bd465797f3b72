/** The texts that come with the default model: one to calibrate on, one it has never seen. */
import { readFileSync } from 'node:fs';
import type { LlamaModel } from '@npulab/quant';
import { LabError } from './errors.js';
import { defaultModelFolder } from './models.js';

const texts = ['calibration', 'evaluation'] as const;

/** Text to calibrate or evaluate on: one long text, or documents that the model reads one after another. */
export type Corpus = string | readonly string[];

/** The stories of a committed text of the default model: `calibration` or `evaluation`. */
export function corpus(name: (typeof texts)[number]): readonly string[] {
  if (!texts.includes(name)) throw new LabError('lab.unknown-corpus', `there is no text called ${String(name)}`);
  return readFileSync(`${defaultModelFolder()}/${name}.txt`, 'utf8').trimEnd().split('\n');
}

/** Token ids as a model was trained to see them: documents as `<s> text </s>`, one after another; a text as it is. */
export function tokensOf(model: LlamaModel, text: Corpus): string | Int32Array {
  if (typeof text === 'string') return text;
  const { bosToken, eosTokens } = model.config;
  const end = eosTokens.slice(0, 1);
  return Int32Array.from(text.flatMap((document) => [bosToken, ...model.tokenizer.encode(document), ...end]));
}
