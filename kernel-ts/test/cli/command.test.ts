import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchText } from '../../src/cli/bench-table.js';
import { installedKernelspecs, kernelspecFolder, launcherPath } from '../../src/cli/kernelspec.js';
import { logFolder, openLog } from '../../src/cli/log-file.js';
import { main } from '../../src/cli/main.js';
import { version } from '../../src/version.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npulab-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command and collects what it says. */
async function npulab(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const status = await main(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { status, out, err };
}

describe('install', () => {
  test('writes a kernelspec under a prefix with absolute paths, says where, and uninstall removes it', async () => {
    const path = join(folder, 'share/jupyter/kernels/npulab/kernel.json');
    expect(await npulab('install', '--prefix', folder)).toEqual({
      status: 0,
      out: `Installed the kernelspec npulab in ${path}\n`,
      err: '',
    });
    const spec = JSON.parse(await readFile(path, 'utf8'));
    expect(spec).toEqual({
      argv: [process.execPath, expect.stringMatching(/\/kernel-ts\/bin\/npulab\.js$/), 'kernel', '{connection_file}'],
      display_name: 'TypeScript (NPU Lab)',
      language: 'typescript',
      kernel_protocol_version: '5.5',
      interrupt_mode: 'message',
      env: {},
      metadata: { debugger: true, supported_encryption: ['curve'] },
    });
    expect(isAbsolute(spec.argv[1]) && existsSync(spec.argv[1])).toBe(true);
    expect((await npulab('uninstall', '--prefix', folder)).out).toBe(`Removed ${join(path, '..')}\n`);
    expect(existsSync(join(path, '..'))).toBe(false);
    const again = await npulab('uninstall', '--prefix', folder);
    expect([again.status, again.out.startsWith('Nothing to remove')]).toEqual([0, true]);
  });

  test('list names every kernelspec that Jupyter finds, and one whose launcher is gone', async () => {
    const [good, bad] = [join(folder, 'good'), join(folder, 'bad')];
    await npulab('install', '--prefix', good);
    const broken = join(bad, 'kernels/npulab');
    await mkdir(broken, { recursive: true });
    await writeFile(join(broken, 'kernel.json'), JSON.stringify({ argv: ['/usr/bin/node', '/gone/npulab.js'] }));
    const found = await installedKernelspecs({
      HOME: join(folder, 'home'),
      JUPYTER_PATH: `${good}/share/jupyter:${bad}`,
    });
    expect(found).toEqual([
      { path: join(good, 'share/jupyter/kernels/npulab/kernel.json'), launcher: launcherPath(), works: true },
      { path: join(broken, 'kernel.json'), launcher: '/gone/npulab.js', works: false },
    ]);
  });

  test('for a user goes where Jupyter looks', () => {
    expect(kernelspecFolder(undefined, { HOME: '/h' })).toBe('/h/.local/share/jupyter/kernels/npulab');
    expect(kernelspecFolder(undefined, { HOME: '/h', XDG_DATA_HOME: '/x' })).toBe('/x/jupyter/kernels/npulab');
    expect(kernelspecFolder(undefined, { HOME: '/h', JUPYTER_DATA_DIR: '/j' })).toBe('/j/kernels/npulab');
  });

  test('into a place that cannot be written is an error with remedy', async () => {
    await writeFile(join(folder, 'file'), '');
    const { status, err } = await npulab('install', '--prefix', join(folder, 'file'));
    expect(status).toBe(1);
    expect(err).toMatch(/^npulab: cannot write .*kernel\.json\nCause: ENOTDIR.*\nCode: cli\.unwritable\nRemedy: /);
  });
});

describe('help', () => {
  test('lists every command, and each command describes itself', async () => {
    const { status, out } = await npulab('--help');
    const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name as string);
    expect([status, names]).toEqual([
      0,
      [
        'install',
        'uninstall',
        'list',
        'run',
        'console',
        'verify',
        'extract',
        'doctor',
        'bench',
        'board',
        'link',
        'kernel',
      ],
    ]);
    for (const name of names) {
      const help = await npulab(name, '--help');
      expect([help.status, help.out.startsWith(`Usage: npulab ${name}`), help.err]).toEqual([0, true, '']);
    }
  });

  test('the version is that of the package', async () => {
    expect(await npulab('--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });
});

describe('wrong use ends with status 2 and a remedy', () => {
  test.each([
    [['fly'], 'unknown command "fly"'],
    [['--fly'], 'unknown option "--fly"'],
    [['constructor'], 'unknown command "constructor"'],
    [['install', '--fly'], "Unknown option '--fly'"],
    [['install', '--user', '--prefix', 'x'], '--user and --prefix exclude each other'],
    [['install', 'here'], 'unexpected "here"'],
    [['run'], 'IN.ipynb is missing'],
    [['run', 'a.ipynb'], '-o OUT.ipynb is missing'],
    [['run', 'a.ipynb', '-o', 'b.ipynb', '--check', 'perhaps'], '--check is "perhaps", not error, warn or off'],
    [['run', 'a.ipynb', '-o', 'b.ipynb', '--check', 'warn', '--no-check'], '--check and --no-check exclude each other'],
    [['kernel'], 'CONNECTION_FILE is missing'],
    [['verify'], 'REPORT.html is missing'],
  ])('%j', async (argv, message) => {
    const { status, out, err } = await npulab(...argv);
    expect([status, out]).toEqual([2, '']);
    expect(err).toBe(
      `npulab: ${message}\nCode: cli.usage\nRemedy: npulab --help lists the commands, npulab COMMAND --help the options\n`,
    );
  });

  test('no command at all shows the help', async () => {
    const { status, err } = await npulab();
    expect([status, err.startsWith('Usage: npulab COMMAND')]).toEqual([2, true]);
  });
});

test('a notebook that cannot be read is an error with code and remedy', async () => {
  const { status, err } = await npulab('run', join(folder, 'none.ipynb'), '-o', join(folder, 'out.ipynb'));
  expect(status).toBe(1);
  expect(err).toMatch(/^npulab: cannot read .*none\.ipynb\nCause: ENOENT.*\nCode: cli\.unreadable\nRemedy: /);
});

test('a report that is none cannot be verified: status 2', async () => {
  const path = join(folder, 'report.html');
  await writeFile(path, '<html></html>');
  const { status, err } = await npulab('verify', path);
  expect(status).toBe(2);
  expect(err).toMatch(/^npulab: report\.html carries no record of a run\nCode: report\.not-a-report\nRemedy: /);
});

test('doctor has one line per check, with a remedy where something is missing', async () => {
  const { out } = await npulab('doctor', '--json');
  const rows = JSON.parse(out) as { name: string; ok: boolean; found: string; remedy: string }[];
  expect(rows.map(({ name }) => name)).toEqual([
    'Node.js',
    'ZeroMQ',
    'addon',
    'board agent',
    'log folder',
    'kernelspec',
    'Jupyter',
  ]);
  for (const { ok, found, remedy } of rows) {
    expect(found).not.toBe('');
    expect(remedy === '').toBe(ok);
  }
});

test('an unknown bench is an error that says how to list them', async () => {
  const { status, err } = await npulab('bench', 'nothing');
  expect([status, err]).toEqual([
    1,
    'npulab: there is no bench "nothing"\nCode: cli.bench-missing\nRemedy: run it in a checkout of the repository; npulab bench --list names the benches\n',
  ]);
});

test('bench rows line up under their heads, with ratio and goal', () => {
  const rows = [
    { name: 'small cell', value: 2, unit: 'ms', against: { what: 'ipykernel', value: 4 }, goal: '≤ 2.5' },
    { name: 'f32', value: 123.456, unit: 'GFLOP/s' },
  ];
  expect(benchText('kernel', rows, { cpu: 'test' })).toBe(
    [
      'kernel: cpu test',
      'name        value  unit     limit or peer  ratio  goal',
      'small cell  2      ms       4 ipykernel    0.50   ≤ 2.5',
      'f32         123.5  GFLOP/s',
      '',
    ].join('\n'),
  );
});

test('the log is one file per process in the state folder', async () => {
  expect(logFolder({ HOME: '/h' })).toBe('/h/.local/state/npulab');
  expect(logFolder({ HOME: '/h', XDG_STATE_HOME: '/s' })).toBe('/s/npulab');
  const log = openLog(join(folder, 'logs'), () => new Date(0));
  log.write('hello');
  expect(log.path).toBe(join(folder, 'logs', `kernel-${process.pid}.log`));
  expect(await readFile(log.path, 'utf8')).toBe('1970-01-01T00:00:00.000Z hello\n');
});
