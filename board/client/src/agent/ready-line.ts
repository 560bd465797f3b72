/** The first line an agent prints. Knows its form; starts nothing. */
import { BoardError } from '../errors.js';
import { protocolVersion } from '../frame/header.js';

/** What the line says. */
export interface ReadyLine {
  host: string;
  port: number;
  version: string;
  backend: string;
  /** Path of the agent's log; null where it writes none. */
  logFile: string | null;
}

/** Reads the line. Fails with `board.agent-start-failed` (no such line) or `board.agent-version` (another generation). */
export function parseReadyLine(line: string): ReadyLine {
  const value = parseJson(line);
  if (value === null || !('npulabd' in value)) throw unreadable(line);
  const version = typeof value.version === 'string' ? value.version : 'unknown';
  const protocol = (value.protocol ?? {}) as Record<string, unknown>;
  const { min, current } = protocol;
  const speaks =
    typeof min === 'number' && typeof current === 'number' && min <= protocolVersion && protocolVersion <= current;
  if (value.npulabd !== 1 || !speaks) {
    throw new BoardError(
      'board.agent-version',
      `npulabd ${version} speaks protocol ${String(min)} to ${String(current)}, this client ${protocolVersion}`,
      { fields: { version, min, current, client: protocolVersion } },
    );
  }
  const listen = typeof value.listen === 'string' ? /^tcp:\/\/(.+):(\d{1,5})$/.exec(value.listen) : null;
  const port = Number(listen?.[2]);
  if (!listen || port < 1 || port > 65535) throw unreadable(line);
  return {
    host: listen[1]!.replace(/^\[|\]$/g, ''),
    port,
    version,
    backend: typeof value.backend === 'string' ? value.backend : 'unknown',
    logFile: typeof value.log === 'string' ? value.log : null,
  };
}

function parseJson(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function unreadable(line: string): BoardError {
  return new BoardError('board.agent-start-failed', 'The agent did not introduce itself on its first line', {
    fields: { output: line.slice(0, 400) },
  });
}
