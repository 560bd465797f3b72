// npm run lint: formats, linters and types for both languages; changes nothing.
import { command, run } from './steps.mjs';

await run('npm run lint', [
  [
    'biome (format and lint)',
    () =>
      command(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'], {
        remedy: 'npm run format',
      }),
  ],
  [
    'types of the tests',
    () => command(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json']),
  ],
  [
    'rustfmt',
    async () => {
      // The second has a workspace of its own; clippy for it is part of the suite avx512, which has its target.
      for (const manifest of ['board/Cargo.toml', 'board/images/icelake/Cargo.toml'])
        await command('cargo', ['fmt', '--manifest-path', manifest, '--all', '--check'], { remedy: 'npm run format' });
    },
  ],
  [
    'clippy',
    () =>
      command('cargo', [
        'clippy',
        '--release',
        '--locked',
        '--quiet',
        '--manifest-path',
        'board/Cargo.toml',
        '--workspace',
        '--all-targets',
        '--',
        '-D',
        'warnings',
      ]),
  ],
]);
