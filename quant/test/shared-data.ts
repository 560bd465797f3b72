// Where the real test data lies, and the name under which a test is skipped where it does not.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Folder with stories260K.bin, tok512.bin and tokenizer.model. */
export const sharedData = process.env.NPULAB_SHARED_DATA ?? resolve(root, '../shared/data');

/** Folder of the default model. */
export const tinyFolder = join(root, 'quant/models/tiny');

/** Path of a shared file, and whether it is there. */
export function shared(name: string): { path: string; present: boolean } {
  const path = join(sharedData, name);
  return { path, present: existsSync(path) };
}
