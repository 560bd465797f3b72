// A kernel process for the runner's tests: the built protocol with a language of one-word commands.
import { readConnectionFile, startServer } from '../../dist/protocol/index.js';

let stop = () => {};
const language = {
  info: {
    implementation: 'echo',
    implementationVersion: '1',
    banner: '',
    helpLinks: [],
    name: 'typescript',
    version: '7',
    mimetype: 'text/typescript',
    fileExtension: '.ts',
    pygmentsLexer: 'typescript',
    codemirrorMode: 'typescript',
    nbconvertExporter: 'script',
  },
  onOutput: () => {},
  onComm: () => {},
  comm: async () => false,
  onInput: async () => ({ status: 'refused', why: 'cell-ended' }),
  async execute({ requestId, code }) {
    for (const line of code.split('\n')) {
      const [word, text = ''] = line.split(/ (.*)/s);
      const emit = (output) => language.onOutput(requestId, output);
      const data = { 'text/plain': text };
      if (word === 'print') emit({ kind: 'stream', name: 'stdout', text: `${text}\n` });
      if (word === 'value') emit({ kind: 'result', data, metadata: {} });
      if (word === 'html')
        emit({ kind: 'display', data: { ...data, 'text/html': `<b>\n${text}</b>` }, metadata: {}, update: false });
      if (word === 'show') emit({ kind: 'display', data, metadata: {}, displayId: 'd', update: false });
      if (word === 'update') emit({ kind: 'display', data, metadata: {}, displayId: 'd', update: true });
      if (word === 'clear') emit({ kind: 'clear', wait: text === 'wait' });
      if (word === 'folder') emit({ kind: 'stream', name: 'stdout', text: `${process.cwd()}\n` });
      if (word === 'throw')
        return { status: 'error', ename: 'EchoError', evalue: text, traceback: [`EchoError: ${text}`] };
      if (word === 'crash') {
        process.stderr.write('broken in two\n');
        process.exit(9);
      }
      if (word === 'wait') {
        await new Promise((resolve) => {
          stop = resolve;
        });
        return { status: 'error', ename: 'Interrupted', evalue: 'stopped', traceback: [] };
      }
      if (word === 'hang') await new Promise(() => {});
    }
    return { status: 'ok', userExpressions: {} };
  },
  complete: async () => ({ matches: [], start: 0, end: 0 }),
  inspect: async () => ({ found: false, data: {} }),
  isComplete: async () => ({ status: 'complete' }),
  interrupt: async () => stop(),
  shutdown: async () => {},
};

const connection = await readConnectionFile(process.argv[2]);
const server = await startServer({ connection, language, log: () => {}, username: 'echo' });
await server.closed;
process.exit(0);
