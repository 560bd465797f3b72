// What the suite `avx512` accepts from a test program on the emulated machine, and what it refuses.
import { expect, it } from 'vitest';
import { checkReport } from '../scripts/icelake.mjs';

const list = `gemm::a: test
int8::b: test
crew::c: test

3 tests, 0 benchmarks

icelake: the program ended with status 0
`;
const report = `running 2 tests
test gemm::a ... ok
test int8::b ... ok

---- int8::b stdout ----
int8 on scalar
int8 on avx2
int8 on avx512vnni
skipped: int8: this processor or build has no neon

icelake: the program ended with status 0
`;

it('counts tests and comparisons when all ran, tests of threads apart', () => {
  expect(checkReport(list, report)).toEqual({ tests: 2, comparisons: 1 });
});

it.each([
  ['a test that failed', report.replace('b ... ok', 'b ... FAILED'), 'AVX-512-VNNI: not passed: int8::b'],
  ['a test that did not run', report.replace('test gemm::a ... ok\n', ''), 'AVX-512-VNNI: not passed: gemm::a'],
  ['a program that ended badly', report.replace('status 0', 'status 101'), 'AVX-512-VNNI: no good end:'],
  ['a machine that met an unknown instruction', report.replace('the program ended', 'exception 6'), 'no good end:'],
  [
    'a processor without AVX-512-VNNI',
    report.replace('int8 on avx512vnni', 'skipped: int8: this processor or build has no avx512vnni'),
    'compared 0 times, the scalar loop 1 times',
  ],
])('refuses %s', (_what, changed, message) => {
  expect(() => checkReport(list, changed)).toThrow(message);
});

it('refuses a program without tests', () => {
  expect(() => checkReport('icelake: the program ended with status 0\n', report)).toThrow('lists no test');
});
