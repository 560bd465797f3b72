/** A report's file as text. Knows paths; refuses to know what is in it. */
import { readFile } from 'node:fs/promises';
import { CliError } from './errors.js';

/** Error: `cli.unreadable`. */
export async function readReport(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliError('cli.unreadable', `cannot read ${path}`, { cause });
  }
}
