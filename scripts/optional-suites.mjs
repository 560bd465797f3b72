// Suites that need tools beyond the minimum. `missing` says what is absent (undefined: nothing), `remedy` how to get it.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { boardEnvironment, boardTarget, buildBoard } from './board.mjs';
import { programTarget, romTarget, testOnIcelake } from './icelake.mjs';
import { command, root } from './steps.mjs';
import { vendorModel } from './vendor-model.mjs';

/** Python of the tests' virtual environment, made by .ci/run; NPULAB_PYTHON names another one. */
const python = process.env.NPULAB_PYTHON ?? resolve(root, '.venv/bin/python');
const hasModule = (name) =>
  existsSync(python) && spawnSync(python, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0;
const chromium = process.env.NPULAB_CHROMIUM ?? '/usr/bin/chromium';
const makeVenv = 'python3 -m venv .venv && .venv/bin/pip install -r test/jupyter/requirements.txt';

const onPath = (program) => spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
const hasTarget = (target) =>
  spawnSync('rustup', ['target', 'list', '--installed'], { encoding: 'utf8' }).stdout?.split('\n').includes(target) ===
  true;

export const optionalSuites = [
  {
    name: 'aarch64',
    remedy: `apt-get install qemu-user-static; rustup target add ${boardTarget}`,
    missing: () => {
      if (!onPath('qemu-aarch64-static')) return 'qemu-aarch64-static was not found';
      return hasTarget(boardTarget) ? undefined : `the Rust target ${boardTarget} is not installed`;
    },
    // As a board would run them: kernels (NEON and sdot against the scalar core and recorded bytes), simulator, driver, the
    // DRM back end, the timing model; then the agent itself, with a client on this side.
    run: async () => {
      const crates = ['npu-kernels', 'npu-sim', 'rknpu-driver', 'rknpu-drm', 'npu-predict'];
      await command(
        'cargo',
        [
          ...['test', '--release', '--locked', '--manifest-path', 'board/Cargo.toml', '--target', boardTarget],
          ...['--features', 'npu-kernels/capi', ...crates.flatMap((crate) => ['-p', crate])],
        ],
        { env: boardEnvironment },
      );
      await buildBoard();
      await command(process.execPath, ['test/board/smoke.mjs']);
    },
  },
  {
    name: 'avx512',
    remedy: `apt-get install bochs bochsbios vgabios; rustup target add ${romTarget} ${programTarget}`,
    missing: () => {
      if (!onPath('bochs')) return 'bochs was not found';
      const absent = [romTarget, programTarget].filter((target) => !hasTarget(target));
      return absent.length === 0 ? undefined : `the Rust target ${absent.join(' ')} is not installed`;
    },
    run: testOnIcelake,
  },
  {
    name: 'vendor-model',
    remedy: 'node scripts/vendor-model.mjs (fetches a package under AGPL-3.0), or NPULAB_VENDOR_MODEL=FILE',
    missing: () => (vendorModel() === undefined ? 'there is no model file of the vendor’s compiler' : undefined),
    // Every task of the file, simulated, against the reference.
    run: () =>
      command(
        'cargo',
        [
          ...['test', '--release', '--locked', '--manifest-path', 'board/Cargo.toml', '-p', 'npu-tool'],
          ...['--test', 'vendor_model', '--', '--ignored', '--nocapture'],
        ],
        { env: { NPULAB_VENDOR_MODEL: resolve(vendorModel()) } },
      ),
  },
  {
    name: 'jupyter-clients',
    remedy: makeVenv,
    missing: () =>
      ['jupyter_kernel_test', 'nbclient', 'papermill', 'jupytext', 'pexpect'].every(hasModule)
        ? undefined
        : `${python} lacks a package of test/jupyter/requirements.txt`,
    run: () => command(python, ['-m', 'pytest', '-q', 'test/jupyter'], { env: { NPULAB_PYTHON: python } }),
  },
  {
    name: 'browser',
    remedy: `apt-get install chromium; ${makeVenv}`,
    missing: () => {
      if (!existsSync(chromium)) return `${chromium} was not found`;
      return ['jupyterlab', 'jupyterlab_widgets', 'notebook'].every(hasModule)
        ? undefined
        : `${python} lacks a package of test/jupyter/requirements.txt`;
    },
    run: async () => {
      for (const [suite, ...args] of [
        ['run-all', 'lab'],
        ['run-all', 'notebook'],
        ['editing'],
        ['interaction'],
        ['debugger'],
      ]) {
        await command(process.execPath, [`test/browser/${suite}.mjs`, ...args], {
          env: { NPULAB_PYTHON: python, NPULAB_CHROMIUM: chromium },
        });
      }
    },
  },
];
