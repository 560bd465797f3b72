// What the documents say is what the repository does: numbers come from the kept measurement, commands are run by CI.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { benchPage, readmeWith } from '../scripts/numbers.mjs';

const text = (path: string): string => readFileSync(resolve(import.meta.dirname, '..', path), 'utf8');

it('the numbers of README and docs/bench.md are those of docs/bench.json', () => {
  const kept = JSON.parse(text('docs/bench.json'));
  expect(text('docs/bench.md')).toBe(benchPage(kept));
  expect(text('README.md')).toBe(readmeWith(kept, text('README.md')));
});

it('every command of the README is run by CI', () => {
  const ci = text('.ci/run');
  const readme = text('README.md');
  const blocks = [...readme.matchAll(/```sh\n(.*?)```/gs)].flatMap((block) => block[1]?.split('\n') ?? []);
  const spans = [...readme.matchAll(/`((?:npm|npx|board\/target\/release\/\S+) [^`]+)`/g)].map((span) => span[1] ?? '');
  const commands = [...blocks, ...spans].map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');
  expect(commands.length).toBeGreaterThan(5);
  expect(commands.filter((command) => !ci.includes(command))).toEqual([]);
});
