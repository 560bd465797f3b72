// The house as architecture.md draws it: who may import whom, what every room must hold. Failing here means that a wall moved.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** Crate → crates of this workspace it may depend on (architecture.md §1). */
const crateArrows: Record<string, readonly string[]> = {
  'npu-regs': [],
  'npu-device': ['npu-regs'],
  'npu-kernels': [],
  'rknpu-driver': ['npu-device', 'npu-regs'],
  'npu-sim': ['npu-device', 'npu-regs', 'npu-kernels'],
  tinyllama: ['npu-device', 'npu-kernels'],
  link: [],
  agent: ['npu-regs', 'npu-device', 'npu-kernels', 'rknpu-driver', 'npu-sim', 'tinyllama', 'link'],
};

const room = (name: string): string => `^kernel-ts/src/${name}/`;
const forbid = (name: string, from: string, to: string) => ({
  name,
  severity: 'error' as const,
  from: { path: from },
  to: { path: to },
});

const typescriptRules = [
  forbid(
    'protocol knows no language and no board',
    room('protocol'),
    `${room('(engine|display|lab|report|cli)')}|^(board|quant|addon)/`,
  ),
  forbid(
    'engine knows no Jupyter and no board',
    room('engine'),
    `${room('(protocol|display|lab|report|cli)')}|^(board|quant|addon)/`,
  ),
  forbid('display knows neither', room('display'), `${room('(protocol|engine|lab|report|cli)')}|^(board|quant|addon)/`),
  forbid('lab knows no kernel', room('lab'), room('(protocol|engine|report|cli)')),
  forbid('report imports no engine and no lab', room('report'), room('(engine|lab|cli)')),
  forbid(
    'nothing imports cli',
    '^(kernel-ts/src/(protocol|engine|display|lab|report)|quant|addon|board)/',
    room('cli'),
  ),
  forbid('the client knows no other package', '^board/client/', '^(kernel-ts|quant|addon)/'),
  forbid('quant knows the addon only', '^quant/', '^(kernel-ts|board)/'),
  forbid('the addon knows nobody', '^addon/', '^(kernel-ts|board|quant)/'),
  { name: 'no circles', severity: 'error' as const, from: {}, to: { circular: true } },
];

describe('the arrows of the architecture', () => {
  it('hold between the folders of the TypeScript packages', async () => {
    const result = await cruise(['kernel-ts/src', 'board/client/src', 'quant/src', 'addon/src'], {
      baseDir: root,
      parser: 'swc',
      validate: true,
      ruleSet: { forbidden: typescriptRules },
      doNotFollow: { path: ['node_modules', 'dist'] },
      tsPreCompilationDeps: true,
    } as never);
    const { summary } = result.output as ICruiseResult;
    expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
    expect(summary.totalCruised).toBeGreaterThan(100);
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
      'notebooks',
      'notebooks/experiments',
      'test',
    ],
    ...['protocol', 'engine', 'display', 'lab', 'report', 'cli'].map((name) => `kernel-ts/src/${name}`),
    ...[...Object.keys(crateArrows), 'rknpu-drm', 'npu-starry'].map((name) => `board/crates/${name}`),
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

  it('load no async_hooks into the child of the kernel (an interrupt would abort the process)', () => {
    const child = tracked.filter((path) =>
      /^(kernel-ts\/src\/(engine|display|lab)|board\/client\/src|quant\/src|addon\/src)\//.test(path),
    );
    expect(child.length).toBeGreaterThan(50);
    const offenders = child.filter((path) =>
      /^\s*import .*async_hooks|require\(.*async_hooks|new AsyncLocalStorage/m.test(
        readFileSync(join(root, path), 'utf8'),
      ),
    );
    expect(offenders).toEqual([]);
  });

  it('throw only codes that the registry explains', () => {
    const registry = new Set(Object.keys(JSON.parse(readFileSync(join(root, 'docs/errors.json'), 'utf8'))));
    const tables = tracked.filter((path) => /(^|\/)errors\.ts$/.test(path));
    expect(tables.length).toBeGreaterThanOrEqual(6);
    const codes = tables.flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/^\s*'?([a-z]+\.[a-z0-9-]+)'?:/gm)].map(
        ([, code]) => code as string,
      ),
    );
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter((code) => !registry.has(code))).toEqual([]);
    expect([...registry].filter((code) => code.includes('.') && !codes.includes(code))).toEqual([]);
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
