/** The kernelspec: what Jupyter reads to start us. Knows Jupyter's folders; refuses to know the kernel. */
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError } from './errors.js';
import { makeFolder } from './folder.js';

/** Name of the kernelspec's folder. */
export const kernelName = 'npulab';

/** Text of kernel.json. `metadata` announces nothing until it works; the paths are absolute. */
export function kernelJson(): string {
  const spec = {
    argv: [process.execPath, launcherPath(), 'kernel', '{connection_file}'],
    display_name: 'TypeScript (NPU Lab)',
    language: 'typescript',
    // From 5.5 on a launcher may leave the ports to the kernel (the handshake of JEP 66).
    kernel_protocol_version: '5.5',
    interrupt_mode: 'message',
    env: {},
    metadata: { debugger: true, supported_encryption: ['curve'] },
  };
  return `${JSON.stringify(spec, undefined, 1)}\n`;
}

/** The committed launcher; right for a local, a global and a linked install, since Node resolves links. */
export function launcherPath(): string {
  return fileURLToPath(new URL('../../bin/npulab.js', import.meta.url));
}

/** Folder of the kernelspec for a user, or under a prefix. */
export function kernelspecFolder(prefix: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const data = prefix === undefined ? userDataFolder(env) : join(resolve(prefix), 'share', 'jupyter');
  return join(data, 'kernels', kernelName);
}

function userDataFolder(env: NodeJS.ProcessEnv): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  return join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'jupyter');
}

/** Folders in which Jupyter looks, in its order; those of a Python environment only where `JUPYTER_PATH` names them. */
export function kernelspecFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const named = (env.JUPYTER_PATH ?? '').split(':').filter((path) => path !== '');
  const roots = [...named, userDataFolder(env), '/usr/local/share/jupyter', '/usr/share/jupyter'];
  if (env.VIRTUAL_ENV) roots.push(join(env.VIRTUAL_ENV, 'share', 'jupyter'));
  return roots.map((root) => join(root, 'kernels', kernelName));
}

/** A kernelspec of this kernel. */
export interface InstalledKernelspec {
  readonly path: string;
  /** The program that it starts; empty where kernel.json cannot be read. */
  readonly launcher: string;
  /** The launcher exists. */
  readonly works: boolean;
}

/** The kernelspecs that Jupyter finds, in its order. */
export async function installedKernelspecs(env: NodeJS.ProcessEnv = process.env): Promise<InstalledKernelspec[]> {
  const found: InstalledKernelspec[] = [];
  for (const folder of kernelspecFolders(env)) {
    const path = join(folder, 'kernel.json');
    if (!existsSync(path)) continue;
    let launcher = '';
    try {
      const { argv } = JSON.parse(await readFile(path, 'utf8')) as { argv?: unknown[] };
      if (typeof argv?.[1] === 'string') launcher = argv[1];
    } catch {
      // A damaged file starts nothing, and is listed as such.
    }
    found.push({ path, launcher, works: launcher !== '' && existsSync(launcher) });
  }
  return found;
}

/** Writes kernel.json; a reader never sees half of it. @throws CliError `cli.unwritable`. */
export async function writeKernelspec(folder: string): Promise<void> {
  const path = join(folder, 'kernel.json');
  try {
    makeFolder(folder);
    await writeFile(`${path}.new`, kernelJson());
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw new CliError('cli.unwritable', `cannot write ${path}`, { cause });
  }
}

/** Removes the folder. False where there is none. @throws CliError `cli.unwritable`. */
export async function removeKernelspec(folder: string): Promise<boolean> {
  try {
    await readFile(join(folder, 'kernel.json'));
  } catch {
    return false;
  }
  try {
    await rm(folder, { recursive: true });
  } catch (cause) {
    throw new CliError('cli.unwritable', `cannot remove ${folder}`, { cause });
  }
  return true;
}
