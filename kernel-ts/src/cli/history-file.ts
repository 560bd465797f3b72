/** Where kernels remember what was typed. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The file; undefined where NPULAB_HISTORY says `off`. */
export function historyFile(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.NPULAB_HISTORY === 'off') return undefined;
  if (env.NPULAB_HISTORY) return resolve(env.NPULAB_HISTORY);
  return join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'npulab', 'history.jsonl');
}
