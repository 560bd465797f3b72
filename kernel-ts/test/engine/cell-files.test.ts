import { expect, test } from 'vitest';
import { analyzeCell } from '../../src/engine/front/analyze.js';
import { CellFiles } from '../../src/engine/front/cell-files.js';

function session(): CellFiles {
  const files = new CellFiles('/cells', '/own', {}, [], new Set(['lab']));
  files.takeChanges();
  return files;
}

/** Stages and publishes a cell; gives the files that changed, and its file. */
function run(files: CellFiles, code: string, cellId?: string): { changed: string[]; file: string; text: string } {
  const staged = files.stage(analyzeCell(code), cellId);
  const { changed } = files.takeChanges();
  files.publish(staged);
  return { changed: [...changed.keys()], file: staged.file, text: changed.get(staged.file) ?? '' };
}

test('a cell changes one file, whatever it declares and however many cells there were', () => {
  const files = session();
  for (let at = 0; at < 20; at++) {
    const { changed, file } = run(files, `const value${at} = ${at}; function twice${at}() { return 2 * value${at} }`);
    expect(changed).toEqual([file]);
  }
  const last = run(files, 'value3 + twice7()');
  expect(last.changed).toEqual([last.file]);
  expect(last.text.split('\n').slice(1)).toEqual([
    'export {  };',
    ' declare const value3: __npulab_types.of_value3;',
    'import twice7 = __npulab_pool_0.c7.twice7;',
    'declare namespace __npulab_types { type of_value3 = typeof __npulab_pool_0.c3.value3; }',
  ]);
});

test('room is made when the last free file is taken, so that the next cell changes one file again', () => {
  const files = session();
  for (let at = 0; at < 31; at++) run(files, `const value${at} = ${at}`);
  expect(files.makeRoom()).toBe(false);
  run(files, 'const value31 = 31');
  expect(files.makeRoom()).toBe(true);
  expect(files.makeRoom()).toBe(false);
  expect(files.takeChanges().config).toBe(true);
  const next = run(files, 'value31 + 1');
  expect(next.changed).toEqual([next.file]);
});

test('names that are declared again leave no file behind, in a thousand cells', () => {
  const files = session();
  const used = new Set<string>();
  for (let at = 0; at < 1000; at++) {
    used.add(run(files, `const again = ${at}; let kept${at % 5} = again`).file);
    used.add(run(files, `again + kept${at % 5}`).file);
  }
  expect(used.size).toBeLessThanOrEqual(10);
});

test('a file stays while a cell that lives uses an older declaration in it, and no longer', () => {
  const files = session();
  const source = run(files, 'const source = 4');
  run(files, 'const copy = source');
  run(files, 'const source = "text"');
  const others = Array.from({ length: 10 }, (_, at) => run(files, `const other${at} = source`).file);
  expect(others).not.toContain(source.file);
  run(files, 'const copy = 1');
  expect(run(files, 'const next = 1').file).toBe(source.file);
});

test('a cell that did not run, and a lost process, leave nothing visible', () => {
  const files = session();
  files.discard(files.stage(analyzeCell('const poison = 1'), undefined));
  const kept = run(files, 'const kept = 1');
  expect(kept.file).toBe('/cells/__npulab_cell_0.ts');
  expect([...files.declared().keys()]).toEqual(['kept']);
  files.clear();
  expect([...files.declared().keys()]).toEqual([]);
  expect(run(files, 'kept').text).toBe('kept\nexport {  };');
});

test('what must not be assigned, and what V8 holds under another name, is what the newest declaration says', () => {
  const files = session();
  const earlier = files.earlierNames();
  const constants = (): string[] => ['fixed', 'join', 'free', 'Set'].filter((name) => earlier.isConstant(name));
  run(files, "const fixed = 1; let free = 2; import { join } from 'node:path'; class Set {}", 'one');
  expect([constants(), [...earlier.own]]).toEqual([['fixed', 'join'], ['Set']]);
  run(files, 'let fixed = 1; const free = 2; type Set = 1');
  expect([constants(), [...earlier.own]]).toEqual([['join', 'free'], []]);
  run(files, 'const Map = 1', 'one'); // the cell that imported, with another text
  expect([constants(), [...earlier.own]]).toEqual([['free'], ['Map']]);
  files.clear();
  expect([constants(), [...earlier.own]]).toEqual([[], []]);
});

test('cells that are checked at the same time have files of their own', () => {
  const files = session();
  const first = files.stage(analyzeCell('1'), undefined);
  const second = files.stage(analyzeCell('2'), undefined);
  files.publish(first);
  expect(second.file).not.toBe(first.file);
  expect(files.stage(analyzeCell('3'), undefined).file).toBe(first.file);
});

test('a cell that imports what an earlier one did takes its file, and cells without imports leave it alone', () => {
  const files = session();
  const importing = Array.from({ length: 3 }, (_, at) => run(files, `import { join } from 'node:path'\njoin('${at}')`));
  const [first, second, third] = importing.map(({ file }) => file);
  expect(second).not.toBe(first);
  expect(third).toBe(first);
  for (let at = 0; at < 40; at++) expect([first, second]).not.toContain(run(files, `${at}`).file);
  expect(run(files, 'const { sep } = await import("node:path")').file).toBe(second);
});
