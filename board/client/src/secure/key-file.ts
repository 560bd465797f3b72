/**
 * Keys on this machine: 32 bytes as hex digits in a file that only its owner may read. Knows files; refuses to know what a key is
 * used for. A key never appears in a message, only its file.
 */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BoardError } from '../errors.js';
import { configFolder } from './config-folder.js';

/** The file that `key=NAME` of an address means: a path where it holds a slash, else a file in the folder of keys. */
export function keyPath(name: string): string {
  if (name.startsWith('~/')) return join(homedir(), name.slice(2));
  return name.includes('/') ? name : join(configFolder(), 'keys', name);
}

/** Reads a key. Fails with `board.key-missing`, `board.key-exposed` or `board.key-damaged`. */
export function readKey(name: string): Uint8Array {
  const path = keyPath(name);
  const fields = { path };
  let text: string;
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      throw new BoardError('board.key-exposed', `The key ${path} may be read by others (mode ${shown})`, {
        remedy: `chmod 600 ${path}; if others may have read it, make a new key on the board.`,
        fields,
      });
    }
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof BoardError) throw cause;
    throw new BoardError('board.key-missing', `There is no key ${path}`, { cause, fields });
  }
  if (!/^[0-9a-fA-F]{64}\s*$/.test(text))
    throw new BoardError('board.key-damaged', `${path} holds no key: it is not 64 hex digits`, { fields });
  return Buffer.from(text.trim(), 'hex');
}
