import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../dist/engine/index.js';
import { GLOBALS, type Lab, startLab, streamText } from './harness.js';

let lab: Lab;
let questions: { requestId: string; prompt: string; password: boolean; signal: AbortSignal }[];
let answer: (at: number) => ReturnType<Engine['onInput']>;

beforeAll(() => {
  lab = startLab(GLOBALS);
  lab.engine.onInput = (requestId, question, signal) => {
    questions.push({ requestId, ...question, signal });
    return answer(questions.length - 1);
  };
});
beforeEach(() => {
  questions = [];
  answer = async (at) => ({ status: 'answered', text: `answer ${at}` });
});
afterAll(() => lab.close());

test('a cell asks, waits and goes on with the answer', async () => {
  const ran = await lab.run(
    "const name = await input('name: ');\nconst pin = await input('pin: ', true);\n[name, pin]",
  );
  expect(ran.result).toBe("[ 'answer 0', 'answer 1' ]");
  expect(questions.map(({ requestId, prompt, password }) => [requestId, prompt, password])).toEqual([
    [ran.requestId, 'name: ', false],
    [ran.requestId, 'pin: ', true],
  ]);
});

test('where nobody can be asked the cell ends with an error that says what to do', async () => {
  answer = async () => ({ status: 'refused', why: 'not-allowed' });
  const { traceback } = await lab.run("await input('x')");
  expect(traceback[0]).toBe('EngineError: whoever runs this cell takes no input');
  expect(traceback.join('\n')).toMatch(/code: cell\.input-not-allowed\nremedy: Give the value as a variable/);
});

test('an interrupt ends a cell that waits for an answer, aborts the question and lets nothing behind it run', async () => {
  let asked = (): void => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  answer = () => {
    asked();
    return new Promise((resolve) => {
      questions[0]?.signal.addEventListener('abort', () => resolve({ status: 'refused', why: 'cell-ended' }));
    });
  };
  const { ended } = lab.start(
    "var went = 'no';\ntry { await input('x'); } catch { went = 'on'; } finally { went = 'on'; }",
  );
  await isAsked;
  await lab.engine.interrupt();
  expect((await ended).outcome).toMatchObject({ status: 'error', ename: 'Interrupted' });
  expect(questions[0]?.signal.aborted).toBe(true);
  expect((await lab.run('went')).result).toBe("'no'");
});

test('a question of a cell that has ended is refused', async () => {
  const { requestId } = await lab.run("setTimeout(() => input('late').catch((e) => console.log(e.code)), 1); 0");
  await lab.until(requestId, (outputs) =>
    outputs.some((one) => one.kind === 'stream' && one.text.includes('too-late')),
  );
  expect(questions).toEqual([]);
});

test('reading process.stdin is an error that names input(), where it would be a wait for ever', async () => {
  const { traceback } = await lab.run('for await (const text of process.stdin) console.log(text)');
  expect(traceback.slice(0, 3)).toEqual([
    'EngineError: process.stdin has nothing to read in a notebook',
    'code: cell.no-stdin',
    "remedy: Ask the user with await input('…').",
  ]);
  const asking = lab.start(`import { createInterface } from 'node:readline/promises'
await createInterface({ input: process.stdin, output: process.stdout }).question('name? ')`);
  await lab.until(asking.requestId, (all) => streamText(all, 'stderr').includes('remedy'));
  expect(streamText(await lab.until(asking.requestId, () => true), 'stderr')).toMatch(
    /^Uncaught EngineError: process.stdin/,
  );
  await lab.engine.interrupt();
  expect((await asking.ended).outcome).toMatchObject({ ename: 'Interrupted' });
  expect((await lab.run('[process.stdin.isTTY, process.stdin.readable]')).result).toBe('[ undefined, true ]');
});
