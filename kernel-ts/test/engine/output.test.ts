import { afterAll, describe, expect, test } from 'vitest';
import { GLOBALS, startLab, streamText } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

describe('streams', () => {
  test('console and process streams arrive under their names, in the order written', async () => {
    const ran = await lab.run(
      'console.log("a"); console.error("b"); process.stdout.write("c"); process.stderr.write("d"); console.log("e")',
    );
    expect(ran.outputs).toEqual([
      { kind: 'stream', name: 'stdout', text: 'a\n' },
      { kind: 'stream', name: 'stderr', text: 'b\n' },
      { kind: 'stream', name: 'stdout', text: 'c' },
      { kind: 'stream', name: 'stderr', text: 'd' },
      { kind: 'stream', name: 'stdout', text: 'e\n' },
    ]);
  });

  test('output appears while a cell spins', async () => {
    const cell = lab.start('console.log("early"); const go = () => { while (true) console.log("") };\ngo()');
    await lab.until(cell.requestId, (all) => streamText(all, 'stdout').startsWith('early\n'));
    await lab.engine.interrupt();
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
  });

  test('lines printed just before a loop without output appear while it spins', async () => {
    const cell = lab.start('console.log("one"); console.log("two"); console.error("three")\nwhile (true) {}');
    await lab.until(cell.requestId, (all) => streamText(all, 'stderr') === 'three\n');
    expect(streamText(await lab.until(cell.requestId, () => true), 'stdout')).toBe('one\ntwo\n');
    await lab.engine.interrupt();
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await lab.run('console.log("next")')).stdout).toBe('next\n');
  });

  test('a line that is printed queues no callback, so that a loop that prints fills no memory', async () => {
    const { result, stdout } = await lab.run(
      'let queued = 0; const tick = process.nextTick; process.nextTick = () => { queued++ }; console.log("a"); console.error("b"); process.nextTick = tick; queued',
    );
    expect([result, stdout]).toEqual(['0', 'a\n']);
  });

  test('ending or destroying a stream closes nothing: later lines, descriptors and child processes are still heard', async () => {
    const { stdout } = await lab.run(
      'process.stdout.end("last", () => console.log("!")); await null; process.stdout.end(); process.stdout.destroy(); console.log("after")\n' +
        'require("node:fs").writeSync(1, "raw\\n"); require("node:child_process").execSync("echo child", { stdio: "inherit" })',
    );
    // What is written to the descriptor keeps its place among the lines of child processes, not among those of JavaScript.
    expect(stdout.replace('!\n', '').replace('raw\n', '')).toBe('lastafter\nchild\n');
    expect(stdout).toMatch(/raw\n.*child\n/s);
    expect(stdout).toContain('!\n');
  });

  test('a printed promise shows its value and nothing of the kernel', async () => {
    expect((await lab.run('console.log([Promise.resolve(5)])')).stdout).toBe('[ Promise { 5 } ]\n');
  });

  test('half a surrogate pair in each of two writes arrives as one character', async () => {
    expect((await lab.run('process.stdout.write("\\ud83d"); process.stdout.write("\\ude00")')).stdout).toBe('😀');
  });

  test('100 000 printed lines arrive complete, in few messages, before the outcome', async () => {
    const ran = await lab.run('for (let i = 0; i < 100_000; i++) console.log(i)');
    expect(ran.stdout).toBe(Array.from({ length: 100_000 }, (_, index) => `${index}\n`).join(''));
    expect(ran.outputs.length).toBeLessThan(300);
  });

  test('10 MB in one write arrive complete, and no character is cut', async () => {
    const ran = await lab.run(
      'process.stdout.write("é€😀".repeat(1_200_000)); const bytes = Buffer.from("😀"); process.stdout.write(bytes.subarray(0, 2)); process.stdout.write(bytes.subarray(2)); 0',
    );
    expect(ran.stdout === `${'é€😀'.repeat(1_200_000)}😀`).toBe(true);
  });

  test('child processes with inherited streams are captured in order with the text around them', async () => {
    const ran = await lab.run(
      "import { execSync, spawn } from 'node:child_process'\nconsole.log('A'); execSync('echo B; echo E >&2', { stdio: 'inherit' }); console.log('C')\nawait new Promise((r) => spawn('echo', ['D'], { stdio: 'inherit' }).on('close', r))",
    );
    expect(ran.stdout).toBe('A\nB\nC\nD\n');
    expect(ran.stderr).toBe('E\n');
  });

  test('text printed once a child process has ended comes behind its output, every time', async () => {
    const ran = await lab.run(`import { type ChildProcess, spawn } from 'node:child_process'
const end = (child: ChildProcess, event: string) => new Promise((done) => child.once(event, done));
for (let i = 0; i < 20; i++) {
  const child = spawn('sh', ['-c', \`echo child \${i}; echo error \${i} >&2\`], { stdio: 'inherit' });
  await end(child, i % 2 === 0 ? 'exit' : 'close');
  console.log('cell', i);
  console.error('cell', i);
}`);
    const lines = (word: string): string =>
      Array.from({ length: 20 }, (_, index) => `${word} ${index}\ncell ${index}\n`).join('');
    expect([ran.stdout, ran.stderr]).toEqual([lines('child'), lines('error')]);
  });

  test('bytes written straight to the descriptors belong to the running cell and come before its outcome', async () => {
    expect((await lab.run("require('node:fs').writeSync(1, 'native é\\n')")).stdout).toBe('native é\n');
  });

  test('output after the end goes to the cell that started it, also while another cell runs', async () => {
    const starter = await lab.run(
      'let open = () => {}; const gate = new Promise<void>((r) => { open = r });\nsetTimeout(async () => { await gate; console.log("late from a timer"); await null; console.log("and its promise") }, 0); void (async () => { await gate; console.log("from a promise") })()',
    );
    const second = await lab.run(
      'console.log("mine"); open(); await new Promise((r) => setTimeout(r, 5)); console.log("mine too")',
    );
    await lab.until(starter.requestId, (all) => streamText(all, 'stdout').includes('and its promise'));
    expect(second.stdout).toBe('mine\nmine too\n');
    const outputs = await lab.until(starter.requestId, () => true);
    expect(streamText(outputs, 'stdout').split('\n').sort()).toEqual([
      '',
      'and its promise',
      'from a promise',
      'late from a timer',
    ]);
  });
});

describe('displays through the lab', () => {
  test('displays, updates and clears arrive in order with the text around them', async () => {
    const ran = await lab.run(
      'console.log("1"); display({ "text/plain": "p" }, { displayId: "d" }); console.log("2"); display({ "text/plain": "q" }, { displayId: "d", update: true }); clear(true)',
    );
    expect(ran.outputs).toEqual([
      { kind: 'stream', name: 'stdout', text: '1\n' },
      { kind: 'display', data: { 'text/plain': 'p' }, metadata: {}, displayId: 'd', update: false },
      { kind: 'stream', name: 'stdout', text: '2\n' },
      { kind: 'display', data: { 'text/plain': 'q' }, metadata: {}, displayId: 'd', update: true },
      { kind: 'clear', wait: true },
    ]);
  });

  test('a held display keeps the cell open', async () => {
    const ran = await lab.run('later({ "text/plain": "held" })');
    expect(ran.outputs).toEqual([{ kind: 'display', data: { 'text/plain': 'held' }, metadata: {}, update: false }]);
  });

  test('a rich value is a rich result with plain text beside it', async () => {
    const ran = await lab.run('({ rich: "yes" })');
    expect(ran.outputs).toEqual([
      { kind: 'result', data: { 'text/html': '<b>rich</b>', 'text/plain': "{ rich: 'yes' }" }, metadata: {} },
    ]);
  });

  test('a value whose display throws shows plain text and the error, and the cell does not fail', async () => {
    const ran = await lab.run('({ rich: "broken" })');
    expect(ran.outcome.status).toBe('ok');
    expect(ran.result).toBe("{ rich: 'broken' }");
    expect(ran.stderr).toContain('The rich display of the result failed:\nError: cannot draw');
  });

  test('the lab sees the number and the signal of the running cell', async () => {
    expect((await lab.run('[kernel.executionCount, kernel.signal.aborted]', { executionCount: 77 })).result).toBe(
      '[ 77, false ]',
    );
  });
});
