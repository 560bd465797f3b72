/** Where this user's settings of NPU Lab are. Knows the environment only. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `$XDG_CONFIG_HOME/npulab`, else `~/.config/npulab`. */
export function configFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'npulab');
}
