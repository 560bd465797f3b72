/**
 * Stack frames as the user wrote them: cells by number and TypeScript line, files of the notebook relative to it,
 * nothing of Node or of the kernel. Surprise: it is installed as `Error.prepareStackTrace`, so `error.stack` itself is
 * right, also where the user prints it.
 */
import { findSourceMap } from 'node:module';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompiledText } from '../channel.js';
import { positionBy, wayBack } from '../positions.js';

/** Label and way back of each cell, by its script. Not its text: of what lives on V8 makes more room for young objects. */
const cells = new Map<string, string>();
/** Folders whose frames say nothing to a user. */
const hidden = [dirname(dirname(dirname(fileURLToPath(import.meta.url))))];

/** Makes the positions of a text known, for as long as its functions may run. */
export function rememberText(text: CompiledText): void {
  cells.set(text.url, [text.label, wayBack(text)].join('\n')); // joined, it holds none of its parts
}

/** The 1-based line and column in the user's text of a 1-based position in a cell's script. */
export function cellPosition(
  url: string,
  line: number,
  column: number,
): { label: string; line: number; column: number } | undefined {
  const cell = cells.get(url);
  if (cell === undefined) return undefined;
  const end = cell.lastIndexOf('\n');
  const found = positionBy(cell.slice(end + 1), line, column);
  return found === undefined ? undefined : { label: cell.slice(0, end), ...found };
}

/** Folders and files whose frames say nothing to a user. */
export function hiddenFolders(): readonly string[] {
  return hidden;
}

/** Leaves out the frames of files in these folders. */
export function hideFrames(folders: readonly string[]): void {
  hidden.push(...folders);
}

/** Formats the frames of every error of this process. `folder` is the notebook's. */
export function installFrames(folder: string): void {
  Error.stackTraceLimit = 50;
  Error.prepareStackTrace = (error, sites) => {
    const lines: string[] = [];
    for (const site of sites) {
      const line = frameLine(site, folder);
      if (line !== undefined) lines.push(`    at ${line}`);
    }
    let head: string;
    try {
      head = Error.prototype.toString.call(error);
    } catch {
      head = 'Error';
    }
    return [head, ...lines.slice(0, 20)].join('\n');
  };
}

function frameLine(site: NodeJS.CallSite, folder: string): string | undefined {
  const file = site.getScriptNameOrSourceURL?.() ?? site.getFileName() ?? undefined;
  if (file === undefined || file === null || file.startsWith('node:')) return undefined;
  const line = site.getLineNumber() ?? 1;
  const column = site.getColumnNumber() ?? 1;
  const who = site.getFunctionName();
  const named =
    who === null || who === ''
      ? ''
      : `${site.isConstructor() ? 'new ' : ''}${site.isAsync?.() === true ? 'async ' : ''}${who} `;
  const cell = cellPosition(file, line, column);
  if (cell !== undefined) return `${named}(${cell.label}, line ${cell.line}:${cell.column})`;
  if (file.startsWith('npulab:') || file.endsWith('/__npulab_cell.mjs')) return undefined;
  const path = file.startsWith('file:') ? fileURLToPath(file.replace(/[?#].*$/, '')) : file;
  if (hidden.some((one) => path.startsWith(one))) return undefined;
  const map = findSourceMap(file) as
    | { findEntry?(line: number, column: number): { originalLine?: number; originalColumn?: number } }
    | undefined;
  const entry = map?.findEntry?.(line - 1, column - 1);
  const shown = relative(folder, path);
  const place = shown.startsWith('..') ? path : shown;
  if (entry?.originalLine !== undefined)
    return `${named}(${place}:${entry.originalLine + 1}:${(entry.originalColumn ?? 0) + 1})`;
  return `${named}(${place}:${line}:${column})`;
}
