import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { gone } from '../processes.js';
import { startLab, streamText } from './harness.js';

const SPIN = "require('node:fs').writeSync(1, String(process.pid)); while (true) {}";

describe('the processes of an engine', () => {
  test('shutdown ends the child and the checker, also while a cell spins', async () => {
    const lab = startLab();
    await lab.run('1');
    const cell = lab.start(SPIN);
    const outputs = await lab.until(cell.requestId, (all) => all.length > 0);
    const checker = (lab.engine as unknown as { checkerPid: number }).checkerPid;
    await lab.close();
    await gone(Number(streamText(outputs, 'stdout')));
    await gone(checker);
    expect((await cell.ended).outcome).toMatchObject({ status: 'error', ename: 'ProcessEnded' });
    expect((await lab.run('1')).outcome).toMatchObject({ ename: 'ShutDown' });
  });

  test('restart forgets all variables and keeps the engine', async () => {
    const lab = startLab();
    try {
      await lab.run('const gone = 1');
      await lab.engine.restart();
      expect((await lab.run('gone')).traceback[0]).toContain("TS2304: Cannot find name 'gone'.");
      expect((await lab.run('2 * 3')).result).toBe('6');
    } finally {
      await lab.close();
    }
  });

  test('the child ends when its parent dies without a word, also while a cell spins', async () => {
    const engine = fileURLToPath(new URL('../../dist/engine/index.js', import.meta.url));
    const script = `import { createEngine } from ${JSON.stringify(engine)};
      const e = createEngine({ folder: ${JSON.stringify(process.cwd())}, check: 'off', log: { path: 'log', write() {} } });
      e.onOutput = (_, o) => console.log(o.text);
      e.execute({ requestId: 'r', code: ${JSON.stringify(SPIN)}, executionCount: 1, silent: false, userExpressions: {} });`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (chunk: Buffer) => resolve(Number(String(chunk)))),
    );
    expect(pid).toBeGreaterThan(0);
    parent.kill('SIGKILL');
    await gone(pid);
  });
});

test('nothing the engine loads into the child uses async_hooks, but for what makes them survive a termination', () => {
  const root = fileURLToPath(new URL('../../src/engine', import.meta.url));
  for (const folder of ['', 'child']) {
    const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.ts'));
    for (const file of files.filter((name) => name !== 'async-hooks.ts')) {
      expect(readFileSync(join(root, folder, file), 'utf8'), file).not.toMatch(
        /from 'node:async_hooks'|from 'async_hooks'|new AsyncLocalStorage|new AsyncResource/,
      );
    }
  }
});
