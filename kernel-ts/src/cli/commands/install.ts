/** npulab install, uninstall and list: the kernelspec, without Python. */
import { join } from 'node:path';
import { type Command, exit, parse } from '../command.js';
import { CliError } from '../errors.js';
import { installedKernelspecs, kernelspecFolder, removeKernelspec, writeKernelspec } from '../kernelspec.js';

const options = { user: { type: 'boolean' }, prefix: { type: 'string' } } as const;

function target(argv: readonly string[]): string {
  const { values } = parse(argv, options, { least: 0, most: 0, name: '' });
  if (values.user && values.prefix !== undefined)
    throw new CliError('cli.usage', '--user and --prefix exclude each other');
  if (values.prefix === '') throw new CliError('cli.usage', '--prefix is empty');
  return kernelspecFolder(values.prefix);
}

const places = `  --user        for you alone (the default): $JUPYTER_DATA_DIR, else ~/.local/share/jupyter
  --prefix DIR  under DIR/share/jupyter, for example a Python environment
`;

export const install: Command = {
  help: `Usage: npulab install [--user | --prefix DIR]

Makes the kernel known to Jupyter as "TypeScript (NPU Lab)" and says where the kernelspec went.

${places}`,
  async run(argv, streams) {
    const folder = target(argv);
    await writeKernelspec(folder);
    streams.out(`Installed the kernelspec npulab in ${join(folder, 'kernel.json')}\n`);
    return exit.ok;
  },
};

export const uninstall: Command = {
  help: `Usage: npulab uninstall [--user | --prefix DIR]

Removes the kernelspec from where install put it.

${places}`,
  async run(argv, streams) {
    const folder = target(argv);
    const removed = await removeKernelspec(folder);
    streams.out(removed ? `Removed ${folder}\n` : `Nothing to remove: no kernelspec in ${folder}\n`);
    return exit.ok;
  },
};

export const list: Command = {
  help: `Usage: npulab list [--json]

Lists the kernelspecs of this kernel that Jupyter finds, the one it uses first, and what each starts. A kernelspec whose
launcher is gone is marked: install it again from where the kernel lives now.

  --json  rows as JSON
`,
  async run(argv, streams) {
    const { values } = parse(argv, { json: { type: 'boolean' } }, { least: 0, most: 0, name: '' });
    const found = await installedKernelspecs();
    if (values.json) streams.out(`${JSON.stringify(found, undefined, 1)}\n`);
    else if (found.length === 0) streams.out('No kernelspec npulab is installed. Remedy: npulab install\n');
    for (const { path, launcher, works } of values.json ? [] : found) {
      streams.out(`${path}\n  starts ${launcher}${works ? '' : ' (missing: run npulab install again)'}\n`);
    }
    return exit.ok;
  },
};
