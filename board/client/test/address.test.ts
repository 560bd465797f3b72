/** Addresses and the boards file: what is understood, and what is refused rather than guessed. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseAddress } from '../src/address.js';
import { boardsPath, readBoards } from '../src/boards-file.js';

afterEach(() => vi.unstubAllEnvs());

const code = (url: string) => {
  try {
    return parseAddress(url, {});
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test.each([
  ['tcp://127.0.0.1:7777', { kind: 'tcp', host: '127.0.0.1', port: 7777 }],
  ['tcp://[::1]:7777/', { kind: 'tcp', host: '::1', port: 7777 }],
  ['tcp://lab:7777?key=lab1', { kind: 'tcp', host: 'lab', port: 7777, key: 'lab1' }],
  ['serial:///dev/ttyUSB0', { kind: 'serial', path: '/dev/ttyUSB0', baud: 1_500_000 }],
  ['serial:///dev/ttyS0?baud=115200&key=~/k', { kind: 'serial', path: '/dev/ttyS0', baud: 115_200, key: '~/k' }],
])('%s is understood', (url, target) => {
  expect(code(url)).toEqual(target);
});

test.each([
  'tcp://lab',
  'tcp://lab:0',
  'tcp://lab:70000',
  'tcp://lab:7777?kye=lab1',
  'tcp://lab:7777?key=',
  'serial://ttyUSB0',
  'serial:///dev/ttyS0?baud=fast',
  'serial:///dev/ttyS0?baud=1',
  'serial:///dev/tty S0',
  'nobody',
  '',
  'http://lab:80',
])('%s is refused', (url) => {
  vi.stubEnv('XDG_CONFIG_HOME', mkdtempSync(join(tmpdir(), 'npulab-config-')));
  expect(code(url)).toBe('board.unknown-address');
});

describe('a boards file', () => {
  const file = (text: string) => {
    vi.stubEnv('XDG_CONFIG_HOME', mkdtempSync(join(tmpdir(), 'npulab-config-')));
    mkdirSync(join(boardsPath(), '..'), { recursive: true });
    writeFileSync(boardsPath(), text);
  };

  test('gives names to addresses, with the key they need', () => {
    file(
      '{ "lab1": { "address": "serial:///dev/ttyUSB0?baud=115200", "key": "lab1" }, "desk": { "address": "tcp://desk:7777" } }',
    );
    expect(code('lab1')).toEqual({ kind: 'serial', path: '/dev/ttyUSB0', baud: 115_200, key: 'lab1' });
    expect(code('desk')).toEqual({ kind: 'tcp', host: 'desk', port: 7777 });
    expect(readBoards()).toHaveLength(2);
    expect(code('attic')).toBe('board.unknown-address');
  });

  test.each([
    '[]',
    '{',
    '{"a": 1}',
    '{"a": {"address": 7}}',
    '{"a b": {"address": "tcp://x:1"}}',
    '{"a": {"address": "tcp://x:1", "key": 1}}',
  ])('that holds %s is named with what is wrong', (text) => {
    file(text);
    expect(code('lab1')).toBe('board.file-damaged');
  });
});
