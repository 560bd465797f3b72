import { afterAll, beforeAll, expect, test } from 'vitest';
import { GLOBALS, type Lab, startLab } from './harness.js';

let lab: Lab;
beforeAll(() => {
  lab = startLab(GLOBALS);
});
afterAll(() => lab.close());

test('a cell of another shell runs while one awaits: each has its own output, signal and result', async () => {
  await lab.run('var release: (value: string) => void = () => {}; var seen: AbortSignal[] = [];');
  const main = lab.start(`seen.push(kernel.signal);
console.log('main waits');
const got = await new Promise<string>((resolve) => { release = resolve; });
seen.push(kernel.signal);
console.log('main got', got);
got`);
  await lab.until(main.requestId, (outputs) => outputs.length > 0);
  const side = await lab.run("seen.push(kernel.signal); console.log('side'); release('from aside'); 'done'", {
    subshell: 'side',
  });
  expect([side.stdout, side.result]).toEqual(['side\n', "'done'"]);
  const ended = await main.ended;
  expect([ended.stdout, ended.result]).toEqual(['main waits\nmain got from aside\n', "'from aside'"]);
  expect((await lab.run('[seen[0] === seen[1], seen[0] === seen[2]]')).result).toBe('[ false, true ]');
});

test('cells of one shell take turns', async () => {
  await lab.run('var order: number[] = []');
  const slow = lab.run('await new Promise((done) => setTimeout(done, 20)); order.push(1)', { subshell: 'turns' });
  const quick = lab.run('order.push(2)', { subshell: 'turns' });
  await Promise.all([slow, quick]);
  expect((await lab.run('order')).result).toBe('[ 1, 2 ]');
});

test('an interrupt stops the cells of all shells, spinning or waiting, and the next ones run', async () => {
  const waiting = lab.start("console.log('waits'); await new Promise(() => {})");
  await lab.until(waiting.requestId, (outputs) => outputs.length > 0);
  let spins = (): void => {};
  const spinning = new Promise<void>((resolve) => {
    spins = resolve;
  });
  const before = lab.engine.onOutput;
  lab.engine.onOutput = (requestId, output) => {
    before(requestId, output);
    if (output.kind === 'stream' && output.text.includes('spins')) spins();
  };
  const loop = lab.run("console.log('spins'); while (true) {}", { subshell: 'side' });
  await spinning;
  await lab.engine.interrupt();
  const outcomes = await Promise.all([waiting.ended, loop]);
  lab.engine.onOutput = before;
  expect(outcomes.map(({ outcome }) => outcome)).toMatchObject([{ ename: 'Interrupted' }, { ename: 'Interrupted' }]);
  expect((await lab.run('1 + 1')).result).toBe('2');
  expect((await lab.run('2 + 2', { subshell: 'side' })).result).toBe('4');
});

test('when the process ends, the cells of all shells say so', async () => {
  const waiting = lab.start("console.log('waits'); await new Promise(() => {})");
  await lab.until(waiting.requestId, (outputs) => outputs.length > 0);
  const dying = await lab.run('process.exit(1)', { subshell: 'side' });
  const outcomes = [dying.outcome, (await waiting.ended).outcome];
  expect(outcomes).toMatchObject([{ ename: 'ProcessEnded' }, { ename: 'ProcessEnded' }]);
});
