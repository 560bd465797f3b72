/** Which builds are at work here: versions of the packages and of the agent. A report names them, verify compares them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findAgent } from '@npulab/board';
import { version } from '../version.js';

function packageVersion(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  return JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8')).version;
}

/** Version of the agent that `lab.connect()` would start, or `missing`. */
function agentVersion(): string {
  try {
    const line = execFileSync(findAgent(), ['--version'], {
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    // "npulabd 0.1.0", as programs say it: the name is the key here.
    return line.replace(/^npulabd /, '');
  } catch {
    return 'missing';
  }
}

/** Package or program → version. */
export function buildsHere(): Record<string, string> {
  return {
    '@npulab/kernel': version,
    '@npulab/quant': packageVersion('@npulab/quant'),
    '@npulab/board': packageVersion('@npulab/board'),
    '@npulab/addon': packageVersion('@npulab/addon'),
    npulabd: agentVersion(),
  };
}
