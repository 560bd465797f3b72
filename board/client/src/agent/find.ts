/** Finds the agent binary. Knows names and places; starts nothing. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BoardError } from '../errors.js';

const place = join('board', 'target', 'release', 'npulabd');

/**
 * The agent that `connect('sim:rk3568')` would start: `given`, else `NPULAB_AGENT`, else `board/target/release/npulabd` in a folder above this package.
 * Fails with `board.agent-missing` and says where it looked.
 */
export function findAgent(given?: string, environment: NodeJS.ProcessEnv = process.env): string {
  const named = given ?? (environment.NPULAB_AGENT || undefined);
  if (named !== undefined) {
    if (isExecutable(named)) return named;
    const source = given === undefined ? 'NPULAB_AGENT' : 'agentPath';
    throw missing(
      `${source} names ${named}, which ${existsSync(named) ? 'is not an executable file' : 'does not exist'}`,
      [named],
    );
  }
  const looked: string[] = [];
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, place);
    looked.push(candidate);
    if (isExecutable(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) throw missing(`there is no ${place} in any folder above this package`, looked);
    folder = parent;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function missing(why: string, looked: string[]): BoardError {
  return new BoardError('board.agent-missing', `The agent npulabd was not found: ${why}`, { fields: { looked } });
}
