/** The texts that come with the default model: one to calibrate on, one it has never seen. */
import { readFileSync } from 'node:fs';
import { LabError } from './errors.js';
import { defaultModelFolder } from './models.js';

const texts = ['calibration', 'evaluation'] as const;

/** The stories of a committed text of the default model: `calibration` or `evaluation`. */
export function corpus(name: (typeof texts)[number]): readonly string[] {
  if (!texts.includes(name)) throw new LabError('lab.unknown-corpus', `there is no text called ${String(name)}`);
  return readFileSync(`${defaultModelFolder()}/${name}.txt`, 'utf8').trimEnd().split('\n');
}
