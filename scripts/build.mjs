// npm run build: everything, in the order the parts need each other: cargo → addon → TypeScript.
import { pathToFileURL } from 'node:url';
import { buildAddon } from '../addon/build.mjs';
import { bundle } from './bundle.mjs';
import { command, installPackages, root, run } from './steps.mjs';
import { checkTools } from './tools.mjs';

export const buildSteps = [
  ['check tools', async () => checkTools()],
  ['install packages', installPackages],
  [
    'build the board agent and npulab-npu (Rust, release)',
    () =>
      command(
        'cargo',
        ['build', '--release', '--locked', '--manifest-path', 'board/Cargo.toml', '-p', 'agent', '-p', 'npu-tool'],
        {
          remedy:
            'read the compiler’s message above; if a crate could not be fetched, check that crates.io can be reached',
        },
      ),
  ],
  ['build the addon (C++)', () => buildAddon({ release: true })],
  [
    'compile TypeScript',
    async () => {
      await command(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], {
        remedy: 'read the compiler’s message above',
      });
      await bundle();
    },
  ],
];

if (import.meta.url === pathToFileURL(process.argv[1]).href) await run(`npm run build in ${root}`, buildSteps);
