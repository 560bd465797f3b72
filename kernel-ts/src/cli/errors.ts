/** Errors of the command itself; those of the rooms it calls carry their own codes. */
import { codedError } from '../coded-error.js';

/** Every code the command throws, with its remedy. */
export const CLI_ERRORS = {
  'cli.usage': 'npulab --help lists the commands, npulab COMMAND --help the options',
  'cli.unreadable': 'check the path and that you may read the file',
  'cli.unwritable': 'check the folder and that you may write there, or name another place',
  'cli.bench-missing': 'run it in a checkout of the repository; npulab bench --list names the benches',
} as const;

export type CliErrorCode = keyof typeof CLI_ERRORS;

/** An error whose message the user reads, with what to do. */
export class CliError extends codedError('CliError', CLI_ERRORS) {}

/** `message`, its causes, code and remedy, as lines for stderr. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, remedy } = error as { code?: unknown; remedy?: unknown };
  const lines = [`npulab: ${error.message}`];
  for (let cause = error.cause; cause instanceof Error && lines.length < 5; cause = cause.cause) {
    lines.push(`Cause: ${cause.message}`);
  }
  if (typeof code === 'string') lines.push(`Code: ${code}`);
  if (typeof remedy === 'string') lines.push(`Remedy: ${remedy}`);
  else if (code === 'ERR_MODULE_NOT_FOUND') lines.push('Remedy: run npm install and npm run build in the repository');
  else if (error.stack) lines.push(error.stack);
  return `${lines.join('\n')}\n`;
}
