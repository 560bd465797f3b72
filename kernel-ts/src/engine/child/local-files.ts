/** Which file a local import means: as written, `.js` for a `.ts` source, without extension, or a folder's index. */
import { statSync } from 'node:fs';

const ENDINGS = ['', '.ts', '.mts', '.tsx', '.js', '.mjs', '.json', '/index.ts', '/index.js'];

/** The existing file that `path` (absolute, as written) means; undefined if there is none. */
export function localFile(path: string): string | undefined {
  for (const ending of ENDINGS) if (isFile(path + ending)) return path + ending;
  const source = path.replace(/\.(m?)js$/, '.$1ts');
  return source !== path && isFile(source) ? source : undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
