/**
 * The connection file: where to bind and how to sign. Knows the file's fields, refuses to know sockets.
 * Surprising: with `ipc`, `ip` is a path and each port is a suffix: `ipc:///run/kernel-1`.
 */
import { getHashes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProtocolError } from './errors.js';

/** The five sockets of a kernel. */
export const channelNames = ['shell', 'iopub', 'stdin', 'control', 'hb'] as const;
/** Name of one of the five sockets. */
export type ChannelName = (typeof channelNames)[number];

/** A checked connection file. */
export interface Connection {
  /** ZeroMQ address of each socket. */
  readonly endpoints: Readonly<Record<ChannelName, string>>;
  /** Hash of the signature, as Node names it (`sha256`). */
  readonly hash: string;
  /** Signing key; empty means that messages are not signed. */
  readonly key: string;
}

/**
 * Checks the parsed JSON of a connection file.
 *
 * @throws ProtocolError `protocol.connection-file-invalid` naming the first wrong field.
 */
export function parseConnection(json: unknown): Connection {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('it is no JSON object');
  const file = json as Record<string, unknown>;
  const transport = file.transport ?? 'tcp';
  if (transport !== 'tcp' && transport !== 'ipc') throw invalid(`transport is ${show(transport)}, not "tcp" or "ipc"`);
  const ip = file.ip;
  if (typeof ip !== 'string' || ip === '') throw invalid(`ip is ${show(ip)}`);
  const key = file.key ?? '';
  if (typeof key !== 'string') throw invalid('key is no string');
  const endpoints = {} as Record<ChannelName, string>;
  for (const name of channelNames) {
    const port = file[`${name}_port`];
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
      throw invalid(`${name}_port is ${show(port)}, not a port`);
    }
    endpoints[name] = transport === 'tcp' ? `tcp://${host(ip)}:${port}` : `ipc://${ip}-${port}`;
  }
  if (new Set(Object.values(endpoints)).size !== channelNames.length) throw invalid('two sockets share one port');
  return { endpoints, hash: hashOf(file.signature_scheme ?? 'hmac-sha256'), key };
}

/**
 * Reads and checks a connection file.
 *
 * @throws ProtocolError `protocol.connection-file-unreadable` or `protocol.connection-file-invalid`.
 */
export async function readConnectionFile(path: string): Promise<Connection> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ProtocolError('protocol.connection-file-unreadable', `cannot read ${path}`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('protocol.connection-file-invalid', `${path} is not JSON`, { cause });
  }
  return parseConnection(json);
}

function host(ip: string): string {
  return ip.includes(':') && !ip.startsWith('[') ? `[${ip}]` : ip;
}

function hashOf(scheme: unknown): string {
  const hash = typeof scheme === 'string' && scheme.startsWith('hmac-') ? scheme.slice('hmac-'.length) : '';
  if (!getHashes().includes(hash)) throw invalid(`signature_scheme is ${show(scheme)}`);
  return hash;
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

function invalid(what: string): ProtocolError {
  return new ProtocolError('protocol.connection-file-invalid', `connection file: ${what}`);
}
