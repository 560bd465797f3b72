/**
 * The `npulab` command: picks the subcommand, prints errors with code and remedy. Each subcommand is loaded only when it
 * is called, because the kernel's start is measured in milliseconds.
 */
import { version } from '../version.js';
import { type Command, exit, type Streams } from './command.js';
import { CliError, describe } from './errors.js';

const commands: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  install: {
    summary: 'make the kernel known to Jupyter',
    load: async () => (await import('./commands/install.js')).install,
  },
  uninstall: {
    summary: 'remove it again',
    load: async () => (await import('./commands/install.js')).uninstall,
  },
  list: {
    summary: 'list the kernelspecs that Jupyter finds',
    load: async () => (await import('./commands/install.js')).list,
  },
  run: {
    summary: 'run a notebook from top to bottom, with parameters and a report',
    load: async () => (await import('./commands/run.js')).run,
  },
  console: {
    summary: 'type cells in the terminal',
    load: async () => (await import('./commands/console.js')).consoleCommand,
  },
  verify: {
    summary: 'run the notebook of a report again and compare',
    load: async () => (await import('./commands/verify.js')).verify,
  },
  extract: {
    summary: 'take the files out that a report holds, such as recorded NPU jobs',
    load: async () => (await import('./commands/extract.js')).extract,
  },
  doctor: {
    summary: 'say what is missing on this machine',
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
  bench: {
    summary: 'run a benchmark of the repository',
    load: async () => (await import('./commands/bench.js')).bench,
  },
  board: {
    summary: 'the boards that have names here',
    load: async () => (await import('./commands/board.js')).board,
  },
  link: {
    summary: 'print what a capture of the link says',
    load: async () => (await import('./commands/link.js')).link,
  },
  kernel: {
    summary: 'the kernel itself; Jupyter calls it',
    load: async () => (await import('./commands/kernel.js')).kernel,
  },
};

const help = [
  'Usage: npulab COMMAND [OPTIONS]',
  '',
  'TypeScript notebooks that drive an RK3568 NPU board, or its simulator.',
  '',
  ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(11)}${summary}`),
  '',
  '  --version  print the version',
  '  --help     this text; npulab COMMAND --help describes a command',
  '',
].join('\n');

const realStreams: Streams = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

/** Runs the command line (without `node` and the script). Resolves with the exit status; never rejects. */
export async function main(argv: readonly string[], streams: Streams = realStreams): Promise<number> {
  const [name, ...rest] = argv;
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      (name === undefined ? streams.err : streams.out)(help);
      return name === undefined ? exit.usage : exit.ok;
    }
    if (name === '--version') {
      streams.out(`${version}\n`);
      return exit.ok;
    }
    const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!entry) throw new CliError('cli.usage', `unknown ${name.startsWith('-') ? 'option' : 'command'} "${name}"`);
    const command = await entry.load();
    if (rest.includes('--help') || rest.includes('-h')) {
      streams.out(command.help);
      return exit.ok;
    }
    return await command.run(rest, streams);
  } catch (error) {
    streams.err(describe(error));
    return error instanceof CliError && error.code === 'cli.usage' ? exit.usage : exit.failed;
  }
}
