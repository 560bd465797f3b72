import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { analyzeCell } from '../../src/engine/front/analyze.js';
import { Checker } from '../../src/engine/front/checker.js';
import { isOnDemand } from '../../src/engine/front/node-on-demand.js';

const folder = mkdtempSync(join(tmpdir(), 'npulab-demand-'));
const checkers: Checker[] = [];
afterAll(async () => {
  await Promise.all(checkers.map((checker) => checker.close()));
  rmSync(folder, { recursive: true });
});

function checkerIn(name: string): Checker {
  mkdirSync(join(folder, name), { recursive: true });
  const checker = new Checker(join(folder, name), undefined);
  checkers.push(checker);
  return checker;
}

async function codesOf(checker: Checker, cell: string): Promise<(string | undefined)[]> {
  const staged = checker.stage(analyzeCell(cell), undefined);
  const complaints = await checker.check(staged);
  checker.files.discard(staged);
  return complaints.map(({ code }) => code);
}

/** Files of the program that wait for an import. */
function readOnDemand(checker: Checker): Promise<string[]> {
  return checker.explore('', async ({ program }) => {
    const files = (await program.getSourceFileNames()).filter((file) => file.includes('/types/node/'));
    return files.map((file) => basename(file)).filter(isOnDemand);
  });
}

test('a seldom module of Node is declared from the first text that imports it, and every module is typed', async () => {
  const checker = checkerIn('all');
  expect(await codesOf(checker, 'const size: number = process.pid; import * as fs from "fs"')).toEqual([]);
  expect(await readOnDemand(checker)).toEqual([]);
  const one =
    "import { createServer } from 'node:http2'; const wrong: string = createServer(); (await import('v8')).none";
  expect(await codesOf(checker, one)).toEqual(['TS2322', 'TS2339']);
  expect((await readOnDemand(checker)).sort()).toEqual(['http2.d.ts', 'v8.d.ts']);

  const names = [...builtinModules.filter((name) => !name.startsWith('_')), 'test', 'test/reporters', 'sea'];
  const modules = names.flatMap((name) => (/^(test|sea)/.test(name) ? [] : [name]).concat(`node:${name}`));
  const imports = modules.map((name, at) => `import * as m${at} from '${name}'; const n${at}: 1 = m${at};`).join('\n');
  expect(await codesOf(checker, imports)).toEqual(
    modules.map((name) => (name.endsWith('sys') ? 'TS2591' : 'TS2322')), // `sys` is declared nowhere
  );
});

test('a module of Node that a package is named like is that package', async () => {
  const checker = checkerIn('named');
  for (const name of ['test', 'sea']) {
    const place = join(folder, 'named/node_modules', name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), JSON.stringify({ name, types: 'index.d.ts' }));
    writeFileSync(join(place, 'index.d.ts'), 'export const mine: 1;');
  }
  expect(await codesOf(checker, "import { mine } from 'test'; import * as sea from 'sea'; [mine, sea.mine]")).toEqual(
    [],
  );
});

test('types of Node that the folder brings itself are taken as they are', async () => {
  const place = join(folder, 'own/node_modules/@types/node');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name: '@types/node', types: 'index.d.ts' }));
  writeFileSync(join(place, 'index.d.ts'), 'declare module "http2" { export const mine: 1; }');
  const checker = checkerIn('own');
  expect(await codesOf(checker, "import { mine } from 'http2'; mine")).toEqual([]);
  expect(await readOnDemand(checker)).toEqual([]);
});

test('a module that waits has no type where it is asked for by name', async () => {
  const checker = checkerIn('asked');
  expect(
    await codesOf(checker, "process.getBuiltinModule('node:zlib').gzipSync; process.getBuiltinModule('fs').none"),
  ).toEqual(['TS2339']);
});
