/** npulab link decode: prints what a capture of the link says. */
import { readFile } from 'node:fs/promises';
import { type Command, exit, parse } from '../command.js';
import { CliError } from '../errors.js';

export const link: Command = {
  help: `Usage: npulab link decode FILE [--tcp | --serial] [--hex] [--json]

Prints the frames of a capture: of a TCP stream (lengths and frames), or of a serial line (PDUs, console text, damage). Which of both
it is, is guessed where nothing is said. FILE holds the bytes, or their hex digits (white space does not count); - is standard input.

  --tcp, --serial  what was captured
  --hex            FILE holds hex digits; guessed too
  --json           one JSON object per line

Exit status: 0 everything made sense, 1 some bytes did not.
`,
  async run(argv, streams) {
    const { values, words } = parse(
      argv,
      { tcp: { type: 'boolean' }, serial: { type: 'boolean' }, hex: { type: 'boolean' }, json: { type: 'boolean' } },
      { least: 2, most: 2, name: 'decode FILE' },
    );
    const [what, path = '-'] = words;
    if (what !== 'decode') throw new CliError('cli.usage', `there is no "npulab link ${what}"`);
    if (values.tcp && values.serial) throw new CliError('cli.usage', '--tcp and --serial exclude each other');
    const { decodeCapture, decodedText, guessKind } = await import('@npulab/board');
    const bytes = unhexed(await contents(path), values.hex === true);
    const found = decodeCapture(bytes, values.tcp ? 'tcp' : values.serial ? 'serial' : guessKind(bytes));
    for (const one of found) streams.out(`${values.json ? JSON.stringify(one) : decodedText(one)}\n`);
    return found.some(({ kind }) => kind === 'damaged') ? exit.failed : exit.ok;
  },
};

async function contents(path: string): Promise<Buffer> {
  try {
    return await readFile(path === '-' ? '/dev/stdin' : path);
  } catch (cause) {
    throw new CliError('cli.unreadable', `cannot read ${path}`, { cause });
  }
}

/** The bytes that hex digits stand for, where the file holds nothing else. */
function unhexed(file: Buffer, certain: boolean): Uint8Array {
  const text = file.toString('latin1').replace(/\s+/g, '');
  const isHex = text.length > 0 && text.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(text);
  if (certain && !isHex) throw new CliError('cli.usage', 'the file holds something else than pairs of hex digits');
  return isHex ? new Uint8Array(Buffer.from(text, 'hex')) : new Uint8Array(file);
}
