/**
 * The connection file: where to bind and how to sign. Knows the file's fields, refuses to know sockets.
 * Surprising: with `ipc`, `ip` is a path and each port is a suffix: `ipc:///run/kernel-1`. A file without ports but with a
 * `registration_port` asks for the handshake (`handshake.ts`): the kernel binds free ports and tells them.
 */
import { getHashes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProtocolError } from './errors.js';

/** The five sockets of a kernel. */
export const channelNames = ['shell', 'iopub', 'stdin', 'control', 'hb'] as const;
/** Name of one of the five sockets. */
export type ChannelName = (typeof channelNames)[number];

/** CurveZMQ keys as ZeroMQ's options; empty where messages travel in the clear. */
export type Security =
  | { readonly curveServer: true; readonly curvePublicKey: string; readonly curveSecretKey: string }
  | Record<string, never>;

/** A launcher that wants to be told the ports; `handshake.ts` says how each dialect does it. */
export interface Registration {
  readonly endpoint: string;
  readonly dialect: 'documented' | 'message';
  /** Name that the launcher has given this kernel; the documented form repeats it. */
  readonly kernelId: string;
}

/** A checked connection file. */
export interface Connection {
  /** ZeroMQ address of each socket; port `*` where the kernel chooses one. */
  readonly endpoints: Readonly<Record<ChannelName, string>>;
  /** Hash of the signature, as Node names it (`sha256`). */
  readonly hash: string;
  /** Signing key; empty means that messages are not signed. */
  readonly key: string;
  readonly security: Security;
  /** Whom to tell the ports that were chosen. */
  readonly registration?: Registration;
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
  const registration = registrationOf(file, transport);
  const ip = file.ip ?? file.registration_ip;
  if (typeof ip !== 'string' || ip === '') throw invalid(`ip is ${show(ip)}`);
  const key = file.key ?? '';
  if (typeof key !== 'string') throw invalid('key is no string');
  const endpoints = {} as Record<ChannelName, string>;
  for (const name of channelNames) {
    const number = registration ? '*' : port(file, `${name}_port`);
    endpoints[name] = transport === 'tcp' ? `tcp://${host(ip)}:${number}` : `ipc://${ip}-${number}`;
  }
  if (!registration && new Set(Object.values(endpoints)).size !== channelNames.length) {
    throw invalid('two sockets share one port');
  }
  return {
    ...{ endpoints, hash: hashOf(file.signature_scheme ?? 'hmac-sha256'), key, security: securityOf(file) },
    ...(registration ? { registration } : {}),
  };
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

/** Ports in the file win over a registration address beside them. */
function registrationOf(file: Record<string, unknown>, transport: 'tcp' | 'ipc'): Registration | undefined {
  if (file.registration_port === undefined || file.shell_port !== undefined) return undefined;
  if (transport !== 'tcp') throw invalid('registration_port asks for free ports, which only tcp has');
  const { registration_ip: address = file.ip, kernel_id: kernelId = '' } = file;
  if (typeof address !== 'string' || address === '') throw invalid(`registration_ip is ${show(address)}`);
  if (typeof kernelId !== 'string') throw invalid('kernel_id is no string');
  return {
    endpoint: `tcp://${host(address)}:${port(file, 'registration_port')}`,
    dialect: file.registration_ip === undefined ? 'message' : 'documented',
    kernelId,
  };
}

function port(file: Record<string, unknown>, field: string): number {
  const value = file[field];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65535) {
    throw invalid(`${field} is ${show(value)}, not a port`);
  }
  return value;
}

function securityOf(file: Record<string, unknown>): Security {
  const { curve_publickey: curvePublicKey, curve_secretkey: curveSecretKey } = file;
  if (curvePublicKey === undefined && curveSecretKey === undefined) return {};
  for (const [field, value] of Object.entries({ curve_publickey: curvePublicKey, curve_secretkey: curveSecretKey })) {
    if (typeof value !== 'string' || value.length !== 40) throw invalid(`${field} is no Z85 key of 40 characters`);
  }
  return { curveServer: true, curvePublicKey: String(curvePublicKey), curveSecretKey: String(curveSecretKey) };
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
