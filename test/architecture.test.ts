// The house as architecture.md draws it: who may import whom, what every room must hold. Failing here means that a wall moved.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registry } from '../scripts/errors.mjs';
import { circles, importsOf, rustImportsOf } from './imports.js';

const root = resolve(import.meta.dirname, '..');

/** Crate → crates of this workspace it may depend on (architecture.md §1). */
const crateArrows: Record<string, readonly string[]> = {
  'npu-regs': [],
  'npu-device': ['npu-regs'],
  'npu-kernels': [],
  // The authority of tests: nobody's dependency but theirs.
  'npu-reference': [],
  fuzz: ['link', 'npu-device', 'npu-regs', 'npu-sim', 'npu-tool', 'rknpu-driver', 'rknpu-drm'],
  'rknpu-driver': ['npu-device', 'npu-regs'],
  'rknpu-drm': ['npu-device', 'npu-regs', 'rknpu-driver'],
  'npu-sim': ['npu-device', 'npu-regs', 'npu-kernels'],
  'npu-predict': ['npu-device', 'npu-sim'],
  tinyllama: ['npu-device', 'npu-kernels'],
  link: [],
  'npu-tool': ['npu-regs', 'npu-device', 'npu-sim', 'npu-predict'],
  agent: [
    'npu-regs',
    'npu-device',
    'npu-kernels',
    'rknpu-driver',
    'rknpu-drm',
    'npu-sim',
    'tinyllama',
    'link',
    'npu-tool',
  ],
};

const room = (name: string): RegExp => new RegExp(`^kernel-ts/src/${name}/`);
const kernelOr = (folders: string, packages: string): RegExp =>
  new RegExp(`^(kernel-ts/src/(${folders})/|(${packages})/)`);

/** Folder → what it may not import (architecture.md §1). */
const typescriptWalls: readonly (readonly [why: string, from: RegExp, to: RegExp])[] = [
  [
    'protocol knows no language and no board',
    room('protocol'),
    kernelOr('engine|display|lab|report|cli', 'board|quant|addon'),
  ],
  [
    'engine knows no Jupyter and no board',
    room('engine'),
    kernelOr('protocol|display|lab|report|cli', 'board|quant|addon'),
  ],
  ['display knows neither', room('display'), kernelOr('protocol|engine|lab|report|cli', 'board|quant|addon')],
  ['lab knows no kernel', room('lab'), kernelOr('protocol|engine|report|cli', 'addon')],
  ['report imports no engine and no lab', room('report'), kernelOr('engine|lab|cli', 'quant|addon')],
  ['the client knows no other package', /^board\/client\//, /^(kernel-ts|quant|addon)\//],
  ['quant knows the addon only', /^quant\//, /^(kernel-ts|board)\//],
  ['the addon knows nobody', /^addon\//, /^(kernel-ts|board|quant)\//],
];

const sources = execFileSync(
  'git',
  ['-C', root, 'ls-files', '--cached', '--others', '--exclude-standard', '*/src/*.ts'],
  {
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const graph = new Map(sources.map((path) => [path, importsOf(root, path)] as const));

describe('the arrows of the architecture', () => {
  it('hold between the folders of the TypeScript packages', () => {
    expect(sources.length).toBeGreaterThan(200);
    const broken = [...graph].flatMap(([from, targets]) =>
      typescriptWalls
        .filter(([, wall]) => wall.test(from))
        .flatMap(([why, , forbidden]) =>
          targets.filter((to) => forbidden.test(to)).map((to) => `${why}: ${from} → ${to}`),
        ),
    );
    expect(broken).toEqual([]);
  });

  it('lead to files that exist, and nowhere in a circle', () => {
    const missing = [...graph].flatMap(([from, targets]) =>
      targets.filter((to) => !existsSync(join(root, to))).map((to) => `${from} → ${to}`),
    );
    expect(missing).toEqual([]);
    expect(circles(graph)).toEqual([]);
  });

  it.each(['agent', 'link'])('lead nowhere in a circle within the crate %s', (name) => {
    const crate = `board/crates/${name}`;
    const files = execFileSync('git', ['-C', root, 'ls-files', '--cached', '--others', `${crate}/src/*.rs`], {
      encoding: 'utf8',
    });
    const paths = files.split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
    const imports = new Map(paths.map((path) => [path, rustImportsOf(root, crate, path)] as const));
    expect([...imports.values()].flat().length).toBeGreaterThan(20);
    expect(circles(imports)).toEqual([]);
  });

  it('hold between the crates', () => {
    const metadata = JSON.parse(
      execFileSync(
        'cargo',
        ['metadata', '--no-deps', '--format-version', '1', '--manifest-path', join(root, 'board/Cargo.toml')],
        {
          encoding: 'utf8',
          maxBuffer: 1 << 26,
        },
      ),
    ) as { packages: { name: string; dependencies: { name: string; kind: string | null; path?: string }[] }[] };
    const wrong = metadata.packages.flatMap(({ name, dependencies }) =>
      dependencies
        .filter((dependency) => dependency.path !== undefined && dependency.kind !== 'dev')
        .filter((dependency) => !crateArrows[name]?.includes(dependency.name))
        .map((dependency) => `${name} → ${dependency.name}`),
    );
    expect(wrong).toEqual([]);
    expect(metadata.packages.map(({ name }) => name).sort()).toEqual(Object.keys(crateArrows).sort());
  });
});

describe('every room', () => {
  const rooms = [
    ...[
      'addon',
      'quant',
      'kernel-ts',
      'board/client',
      'board/link',
      'board/images',
      'board/images/icelake',
      'notebooks',
      'notebooks/experiments',
      'test',
    ],
    ...['protocol', 'engine', 'display', 'lab', 'report', 'cli'].map((name) => `kernel-ts/src/${name}`),
    ...[...Object.keys(crateArrows), 'npu-starry'].map((name) => `board/crates/${name}`),
  ];

  it.each(rooms)('%s has a README', (folder) => {
    const path = join(root, folder, 'README.md');
    expect(existsSync(path), `${folder}/README.md`).toBe(true);
    expect(readFileSync(path, 'utf8').split('\n').length).toBeGreaterThanOrEqual(4);
  });
});

describe('source files', () => {
  const tracked = execFileSync('git', ['-C', root, 'ls-files', '*.ts', '*.rs', '*.cc', '*.h'], { encoding: 'utf8' })
    .split('\n')
    .filter(
      (path) => path !== '' && existsSync(join(root, path)) && !path.endsWith('.d.ts') && !path.includes('.gen.'),
    );

  it('are mostly short (a report, the taste of the house: median at most 120 lines)', () => {
    const lengths = tracked
      .map((path) => readFileSync(join(root, path), 'utf8').split('\n').length)
      .sort((a, b) => a - b);
    const median = lengths[Math.floor(lengths.length / 2)];
    const long = tracked.filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length > 400);
    console.info(`${tracked.length} source files, median ${median} lines; over 400: ${long.join(', ') || 'none'}`);
    expect(median).toBeLessThanOrEqual(120);
  });

  it('load no async_hooks into the child of the kernel (each await would cost more), but for what makes them survive an interrupt', () => {
    const child = tracked.filter((path) =>
      /^(kernel-ts\/src\/(engine|display|lab)|board\/client\/src|quant\/src|addon\/src)\//.test(path),
    );
    expect(child.length).toBeGreaterThan(50);
    const others = child.filter((path) => path !== 'kernel-ts/src/engine/child/async-hooks.ts');
    const offenders = others.filter((path) =>
      /^\s*import .*async_hooks|require\(.*async_hooks|new AsyncLocalStorage/m.test(
        readFileSync(join(root, path), 'utf8'),
      ),
    );
    expect(offenders).toEqual([]);
  });

  it('throw only codes that the registry docs/errors.json explains, each with a remedy', async () => {
    const stored = JSON.parse(readFileSync(join(root, 'docs/errors.json'), 'utf8')) as Record<string, string>;
    expect(stored).toEqual(await registry());
    expect(Object.keys(stored).length).toBeGreaterThan(60);
    const cddl = readFileSync(join(root, 'board/link/link.cddl'), 'utf8');
    const wire = [...(/^error-code = ([^;]*?)^handle/ms.exec(cddl)?.[1] ?? '').matchAll(/"([A-Za-z]+)"/g)].map(
      ([, code]) => code,
    );
    expect(wire.length).toBe(21);
    expect(wire.filter((code) => stored[code as string] === undefined)).toEqual([]);
    expect(Object.entries(stored).filter(([, remedy]) => remedy.length < 10)).toEqual([]);
  });
});

describe('the contract', () => {
  it('is the only place that lists message numbers besides the two codecs', () => {
    const cddl = readFileSync(join(root, 'board/link/link.cddl'), 'utf8');
    const methods = [...cddl.matchAll(/^; (0x00[0-9a-f]{2}) ([a-z]+\.[A-Za-z]+) +(pure|idempotent|once)/gm)];
    expect(methods.length).toBeGreaterThanOrEqual(25);
    expect(new Set(methods.map(([, number]) => number)).size).toBe(methods.length);
    const vectors = readdirSync(join(root, 'board/link/vectors')).filter((name) => name.endsWith('.json'));
    expect(vectors).toContain('v1.json');
  });
});
