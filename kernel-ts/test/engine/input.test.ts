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

test('readline asks the user for each line, behind the prompt that it prints', async () => {
  const { requestId, ended } = lab.start(`import { createInterface } from 'node:readline/promises'
const lines = createInterface({ input: process.stdin, output: process.stdout })
const first = await lines.question('first? ')
const second = await lines.question('second? ')
lines.close(); [first, second]`);
  const printed: string[] = [];
  answer = async (at) => {
    printed.push(streamText(await lab.until(requestId, () => true), 'stdout'));
    return { status: 'answered', text: `line ${at}` };
  };
  const ran = await ended;
  expect(ran.result).toBe("[ 'line 0', 'line 1' ]");
  expect(ran.stdout).toBe('first? second? ');
  expect(printed).toEqual(['first? ', 'first? second? ']);
  expect(questions.map(({ prompt }) => prompt)).toEqual(['', '']);
});

test.each([
  ['for await (const text of process.stdin) { got = String(text); break }'],
  ['got = await new Promise<string>((done) => process.stdin.setEncoding("utf8").once("data", done))'],
  [
    'for await (const line of require("node:readline").createInterface({ input: process.stdin })) { got = line + "\\n"; break }',
  ],
])('%s reads a line of the user', async (code) => {
  expect((await lab.run(`var got = ''; ${code}\ngot`)).result).toBe("'answer 0\\n'");
  expect((await lab.run('process.stdin.readable')).result).toBe('true');
});

test('readline that a cell leaves open ends with the cell and asks nobody later', async () => {
  const open = 'require("node:readline/promises").createInterface({ input: process.stdin })';
  const ran = await lab.run(
    `const left = ${open}; left.on("close", () => console.log("closed")); await left.question("")`,
  );
  expect(ran.result).toBe("'answer 0'");
  await lab.until(ran.requestId, (all) => streamText(all, 'stdout') === 'closed\n');
  await lab.run('await new Promise((done) => setImmediate(done))');
  expect(questions.length).toBe(1);
});

test('reading process.stdin in a cell that does not wait says so', async () => {
  const { requestId } = await lab.run('process.stdin.on("data", () => {}); 0');
  const all = await lab.until(requestId, (outputs) => streamText(outputs, 'stderr').includes('remedy'));
  expect(streamText(all, 'stderr')).toBe(`Uncaught EngineError: process.stdin is read by a cell that has ended
code: cell.input-too-late
remedy: Ask while the cell runs: await input(…) before it ends.
`);
  expect(questions).toEqual([]);
});

test('where nobody can be asked, a cell that reads process.stdin ends with the error, whatever it reads with', async () => {
  answer = async () => ({ status: 'refused', why: 'not-allowed' });
  for (const code of [
    'for await (const text of process.stdin) console.log(text)',
    'await require("node:readline/promises").createInterface({ input: process.stdin }).question("name? ")',
    'await new Promise((done) => process.stdin.on("data", done))',
  ]) {
    const { outcome, stderr, traceback } = await lab.run(code);
    expect([outcome.status, stderr, traceback[1]]).toEqual(['error', '', 'code: cell.input-not-allowed']);
  }
});

test('an interrupt ends a cell that reads process.stdin, and the next one reads anew', async () => {
  let asked = (): void => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  answer = () => {
    asked();
    return new Promise(() => {});
  };
  const { ended } = lab.start('for await (const text of process.stdin) console.log(text); console.log("went on")');
  await isAsked;
  await lab.engine.interrupt();
  expect(await ended).toMatchObject({ outcome: { ename: 'Interrupted' }, stdout: '' });
  answer = async () => ({ status: 'answered', text: 'again' });
  expect((await lab.run('for await (const text of process.stdin) { console.log(String(text)); break }')).stdout).toBe(
    'again\n\n',
  );
});
