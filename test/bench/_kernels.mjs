// The kernels that the bench compares, and the cells that mean the same in each. A peer that is not installed says how.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { kernelCommand } from '../../kernel-ts/dist/report/runner/kernel-process.js';

const root = join(import.meta.dirname, '../..');
const peers = process.env.NPULAB_PEERS ?? join(root, 'out/peers');
/** As a reader of the table can type it. */
const shownPeers = process.env.NPULAB_PEERS ?? 'out/peers';
const python = process.env.NPULAB_PYTHON ?? join(root, '.venv/bin/python');

/** A text, and the cursor behind it. */
const endOf = (code) => [code, code.length];

const typescript = {
  small: (at) => `${at} + 1`,
  typed: (at) =>
    `interface Point${at} { x: number; y: number }\nconst p${at}: Point${at} = { x: ${at}, y: 2 };\nfunction norm${at}(p: Point${at}): number {\n  return Math.hypot(p.x, p.y);\n}\nnorm${at}(p${at})`,
  declare: (at) => `const kept${at} = ${at}; function use${at}(n: number) { return n + kept${at}; }\nuse${at}(1)`,
  // Another text each time: an answer that is remembered is not what is measured.
  complete: (at) => endOf(`// ${at}\nconst text = "x"; text.toUp`),
  inspect: (at) => [`Math.max(${at})`, 6],
  megabytes: 'process.stdout.write("x".repeat(9_999_999) + "\\n"); 0',
  lines: 'for (let at = 0; at < 100_000; at++) console.log(at)\n0',
  loops: {
    'while(true)': 'while (true) {}',
    'pending await': 'await new Promise(() => {})',
    'loop after await': 'await Promise.resolve(); while (true) {}',
    'loop in a timer': 'setTimeout(() => { while (true) {} }); await new Promise(() => {})',
    'printing loop': 'while (true) console.log(1)',
  },
};

/** The kernel measured. */
export const ours = {
  name: 'npulab',
  command: kernelCommand,
  ...typescript,
  check: { off: 'kernel.settings.check = "off"', on: 'kernel.settings.check = "error"' },
};

/** Cells that switch the check of types, where a kernel has none. */
const neverChecks = { off: '0', on: '0' };

const others = [
  {
    name: 'ipykernel',
    program: join(python, '../jupyter'),
    command: [python, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
    env: { PYDEVD_DISABLE_FILE_VALIDATION: '1' },
    interruptBy: 'signal',
    check: neverChecks,
    install: 'python3 -m venv .venv; .venv/bin/pip install ipykernel jupyter_core',
    small: (at) => `${at} + 1`,
    typed: (at) =>
      `class Point${at}:\n  def __init__(self, x: int, y: int):\n    self.x, self.y = x, y\np${at} = Point${at}(${at}, 2)\n(p${at}.x ** 2 + p${at}.y ** 2) ** 0.5`,
    declare: (at) => `kept${at} = ${at}\ndef use${at}(n): return n + kept${at}\nuse${at}(1)`,
    complete: (at) => endOf(`# ${at}\ntext = "x"\ntext.upp`),
    inspect: (at) => [`max(${at}, 2)`, 2],
    megabytes: 'import sys; n = sys.stdout.write("x" * 9_999_999 + "\\n")',
    lines: 'for at in range(100_000): print(at)',
    loops: {
      'while(true)': 'while True: pass',
      'pending await': 'import asyncio\nawait asyncio.Future()',
      'loop after await': 'import asyncio\nawait asyncio.sleep(0)\nwhile True: pass',
      'loop in a timer':
        'import asyncio\ndef spin():\n  while True: pass\nasyncio.get_event_loop().call_later(0, spin)\nawait asyncio.Future()',
      'printing loop': 'while True: print(1)',
    },
  },
  {
    name: 'tslab',
    program: join(peers, 'bin/tslab'),
    command: [process.execPath, join(peers, 'bin/tslab'), 'kernel', '--config-path', '{connection_file}'],
    interruptBy: 'signal',
    install: `npm install -g --prefix ${shownPeers} tslab`,
    ...typescript,
  },
  {
    name: 'deno',
    program: join(peers, 'bin/deno'),
    command: [join(peers, 'bin/deno'), 'jupyter', '--kernel', '--conn', '{connection_file}'],
    // By message, as its kernelspec does not ask for: the signal that it asks for kills it.
    interruptBy: 'message',
    install: `npm install -g --prefix ${shownPeers} --allow-scripts=deno deno`,
    ...typescript,
    check: neverChecks,
    megabytes: 'await Deno.stdout.write(new TextEncoder().encode("x".repeat(9_999_999) + "\\n")); 0',
  },
];

/** Peers on this machine, and those that are not. */
export const installed = others.filter(({ program }) => existsSync(program));
export const missing = others.filter(({ program }) => !existsSync(program));
