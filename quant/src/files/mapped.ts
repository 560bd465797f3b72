// Knows how a file becomes memory without being read. Refuses to know what is in it.
import { type MappedFile, mapFile } from '@npulab/addon';
import { QuantError } from '../errors.js';

/** Maps a file. Errors: `model.not-a-model`. */
export function openMapped(path: string): MappedFile {
  try {
    return mapFile(path);
  } catch (cause) {
    throw new QuantError('model.not-a-model', `cannot map ${path}`, cause);
  }
}
