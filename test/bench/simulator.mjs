// Products of a 1.1 G-parameter model through driver, registers and simulator, beside what memory and the bare kernel allow.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const manifest = fileURLToPath(new URL('../../board/Cargo.toml', import.meta.url));
const example = ['run', '--release', '--quiet', '--locked', '-p', 'rknpu-driver', '--example', 'decode_speed'];

export async function bench() {
  const { stdout } = await promisify(execFile)('cargo', [...example, '--manifest-path', manifest]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
