/**
 * Boards by name: `~/.config/npulab/boards.json`, `{ "lab1": { "address": "serial:///dev/ttyUSB0?baud=1500000", "key": "lab1" } }`. Knows the
 * file; refuses to know what an address means. Keys themselves never stand in it, only their names.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BoardError } from './errors.js';
import { configFolder } from './secure/config-folder.js';

/** One board of the file. */
export interface NamedBoard {
  name: string;
  address: string;
  /** Name or path of its key; null where its address names one or none is needed. */
  key: string | null;
}

/** Where the file is. */
export function boardsPath(): string {
  return join(configFolder(), 'boards.json');
}

/** All boards of the file; none where there is no file. Fails with `board.file-damaged`. */
export function readBoards(path = boardsPath()): NamedBoard[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw broken(path, (cause as Error).message);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw broken(path, (cause as Error).message);
  }
  if (!isMap(value)) throw broken(path, 'it is no object of boards');
  return Object.entries(value).map(([name, board]) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw broken(path, `"${name}" is no name of a board`);
    if (!isMap(board) || typeof board.address !== 'string') throw broken(path, `${name} has no address`);
    if (board.key !== undefined && typeof board.key !== 'string') throw broken(path, `the key of ${name} is no text`);
    return { name, address: board.address, key: board.key ?? null };
  });
}

/** The address of a board of the file, its key included; null where it has none of that name. */
export function addressOf(name: string): string | null {
  const board = readBoards().find((one) => one.name === name);
  if (!board) return null;
  if (board.key === null) return board.address;
  return `${board.address}${board.address.includes('?') ? '&' : '?'}key=${encodeURIComponent(board.key)}`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function broken(path: string, why: string): BoardError {
  return new BoardError('board.file-damaged', `${path}: ${why}`, { fields: { path } });
}
