/** What `npulab doctor` looks at. Each check looks for itself and never throws. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from './folder.js';
import { kernelJson, kernelspecFolders } from './kernelspec.js';
import { logFolder } from './log-file.js';

/** What a check found. */
export interface Finding {
  readonly ok: boolean;
  readonly found: string;
  readonly remedy: string;
}

/** One line of the doctor. */
export interface Check {
  readonly name: string;
  /** Missing does not fail: needed for Jupyter front ends only, not for `npulab run`. */
  readonly optional: boolean;
  check(): Promise<Finding>;
}

const ok = (found: string): Finding => ({ ok: true, found, remedy: '' });
const missing = (found: string, remedy: string): Finding => ({ ok: false, found, remedy });
const firstLine = (error: unknown): string => String((error as Error)?.message ?? error).split('\n')[0] ?? '';

/** In the order of the lines. */
export const checks: readonly Check[] = [
  {
    name: 'Node.js',
    optional: false,
    async check() {
      const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
      const enough = major > 20 || (major === 20 && minor >= 19);
      const found = `${process.versions.node} on ${process.platform} ${process.arch}`;
      return enough && process.platform === 'linux' ? ok(found) : missing(found, 'use Node.js 20.19 or later on Linux');
    },
  },
  {
    name: 'ZeroMQ',
    optional: false,
    async check() {
      try {
        return ok((await import('zeromq')).version);
      } catch (error) {
        return missing(firstLine(error), 'run npm install');
      }
    },
  },
  {
    name: 'addon',
    optional: false,
    async check() {
      try {
        const { kernels } = await import('@npulab/addon');
        const { isa, threads, version } = kernels();
        return ok(`${version}, ${isa}, ${threads} threads`);
      } catch (error) {
        return missing(firstLine(error), 'run npm run build');
      }
    },
  },
  {
    name: 'board agent',
    optional: false,
    async check() {
      try {
        const { findAgent } = await import('@npulab/board');
        const path = findAgent(undefined);
        const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 5000 });
        return ok(`${stdout.trim()} (${path})`);
      } catch (error) {
        return missing(firstLine(error), 'run npm run build, or set NPULAB_AGENT to a npulabd binary');
      }
    },
  },
  {
    name: 'log folder',
    optional: false,
    async check() {
      const folder = logFolder();
      try {
        makeFolder(folder);
        await access(folder, constants.W_OK);
        return ok(folder);
      } catch (error) {
        return missing(firstLine(error), 'make the folder writable, or set XDG_STATE_HOME');
      }
    },
  },
  {
    name: 'kernelspec',
    optional: true,
    async check() {
      const folder = kernelspecFolders().find((path) => existsSync(join(path, 'kernel.json')));
      if (folder === undefined) return missing('not installed', 'run npulab install');
      const path = join(folder, 'kernel.json');
      const same = (await readFile(path, 'utf8').catch(() => '')) === kernelJson();
      return same ? ok(path) : missing(`${path} is of another installation`, 'run npulab install');
    },
  },
  {
    name: 'Jupyter',
    optional: true,
    async check() {
      try {
        const { stdout } = await promisify(execFile)('jupyter', ['--version'], { timeout: 20_000 });
        const versions = stdout.match(/^(jupyterlab|notebook|jupyter_client)\s*:\s*(\S+)/gm) ?? [];
        return ok(versions.map((line) => line.replace(/\s*:\s*/, ' ')).join(', ') || 'found');
      } catch {
        return missing('not found', 'pip install jupyterlab (notebooks in the browser; npulab run works without)');
      }
    },
  },
];
