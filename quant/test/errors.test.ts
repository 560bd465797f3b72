import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { QUANT_ERRORS, QuantError, type QuantErrorCode } from '../src/index.js';

const folder = fileURLToPath(new URL('../src/', import.meta.url));
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && name !== 'errors.ts')
  .map((name) => readFileSync(join(folder, name), 'utf8'))
  .join('\n');

describe('the table of errors', () => {
  it('holds only codes that are thrown, each with a remedy that is a sentence', () => {
    for (const [code, remedy] of Object.entries(QUANT_ERRORS)) {
      expect([code, sources.includes(`'${code}'`)]).toEqual([code, true]);
      expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('gives an error its remedy, and a cause only where something lies underneath', () => {
    const code: QuantErrorCode = 'model.closed';
    const [alone, caused] = [
      new QuantError(code, 'x is closed'),
      new QuantError(code, 'x is closed', new RangeError('y')),
    ];
    expect([alone.code, alone.message, alone.remedy, alone.cause]).toEqual([
      code,
      'x is closed',
      QUANT_ERRORS[code],
      undefined,
    ]);
    expect(caused.cause).toEqual(new RangeError('y'));
  });
});
