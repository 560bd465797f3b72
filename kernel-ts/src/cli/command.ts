/** What a subcommand is: its help, its options, and a function from arguments to an exit status. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { CliError } from './errors.js';

/** Where a command writes. */
export interface Streams {
  out(text: string): void;
  err(text: string): void;
}

/** Exit statuses that scripts may rely on. */
export const exit = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** One subcommand. */
export interface Command {
  /** Shown by `--help`; its first line is the usage. */
  readonly help: string;
  /** @returns the exit status. Throws errors with code and remedy. */
  run(argv: readonly string[], streams: Streams): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Values of the options, by their type. */
export type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>
>['values'];

/**
 * Parses options and checks the number of other words.
 *
 * @throws CliError `cli.usage` for an unknown option, a missing value, too few or too many words.
 */
export function parse<const T extends Options>(
  argv: readonly string[],
  options: T,
  words: { least: number; most: number; name: string },
): { values: Values<T>; words: string[] } {
  let parsed: { values: Values<T>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (cause) {
    // The rest of Node's text explains how to pass a word that starts with a dash.
    throw new CliError('cli.usage', (cause as Error).message.split('. ')[0] ?? 'wrong options');
  }
  const { positionals } = parsed;
  if (positionals.length < words.least) throw new CliError('cli.usage', `${words.name} is missing`);
  if (positionals.length > words.most) {
    throw new CliError('cli.usage', `unexpected "${positionals[words.most]}"`);
  }
  return { values: parsed.values, words: positionals };
}

/** Values of `--check` and NPULAB_CHECK: what a type error does. */
export const checkModes = ['error', 'warn', 'off'] as const;

/** @throws CliError `cli.usage` for any other word. */
export function checkMode(value: string): (typeof checkModes)[number] {
  const mode = checkModes.find((one) => one === value);
  if (mode === undefined) throw new CliError('cli.usage', `--check is "${value}", not error, warn or off`);
  return mode;
}
