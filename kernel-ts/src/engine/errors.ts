import { codedError } from '../coded-error.js';

/** Every code the engine reports, in one place: code → remedy. `cell.*` and `debug.*` are the user's, `engine.*` is ours. */
export const ENGINE_ERRORS = {
  'cell.syntax': 'Correct the text at the line and column shown; nothing of the cell has run.',
  'cell.type':
    "Correct the types, or set kernel.settings.check = 'warn' to run the cell anyway; nothing of it has run.",
  'cell.unknown-name':
    'Run the cell that declares it first, or correct the name: names of cells that have not run are unknown. Nothing of the cell has run.',
  'cell.declared-twice':
    'Give one of them another name: a name is declared again by a later cell, not in the same one. Nothing of the cell has run.',
  'cell.missing-module':
    "A package: npm install it in the notebook's folder. A file: its name begins with ./ or ../. Nothing of the cell has run.",
  'cell.missing-export':
    'A type is imported and given on as one (import type, export type): files are compiled one by one. Of a CommonJS package a file imports the default and takes the name from that. Else correct the name.',
  'cell.decorator':
    'Cells have the decorators of JavaScript: (value, context) => …, none on parameters; those of experimentalDecorators do not work. Nothing of the cell has run.',
  'cell.object': 'An object as the value of a cell stands in parentheses: ({ … }). Nothing of the cell has run.',
  'cell.jsx': 'Cells are TypeScript without JSX: write markup as html`…` or svg`…`. Nothing of the cell has run.',
  'cell.bad-file': 'Write or build the file again, then run the cell again.',
  'cell.wasm-import':
    'Instantiate it in the cell: new WebAssembly.Instance(new WebAssembly.Module(bytes), imports), bytes from node:fs.',
  'cell.interrupted': 'Variables keep their values; run the cell again when ready.',
  'cell.out-of-memory':
    'All variables are lost. Keep less at once (typed arrays lie outside this memory), or start Jupyter with NODE_OPTIONS=--max-old-space-size=8192 (MiB).',
  'cell.process-ended': 'All variables are lost. Run the notebook again from the first cell.',
  'cell.unstoppable':
    'The code could not be stopped, so its process was ended. Run the notebook again from the first cell.',
  'cell.restarted': 'The process was restarted on request. Run the notebook again from the first cell.',
  'cell.input-not-allowed':
    'Give the value as a variable or a parameter: papermill, nbclient and npulab run ask nobody.',
  'cell.input-too-late': 'Ask while the cell runs: await input(…) before it ends.',
  'debug.bad-request': 'Send the request as the Debug Adapter Protocol defines it.',
  'debug.unknown-command': 'The reply to initialize lists what this debugger can do.',
  'debug.not-started': 'Send initialize first; in JupyterLab, switch the debugger on.',
  'debug.not-stopped': 'Set a breakpoint or pause, and ask again when the code has stopped.',
  'debug.unknown-frame': 'Ask for the stackTrace again: frames are numbered anew at each stop.',
  'debug.unknown-reference': 'Ask for the scopes again: references end when the code runs on.',
  'debug.bad-expression': 'Correct the expression.',
  'debug.threw': 'Correct the expression, or look at the values it uses.',
  'debug.no-code': 'Set the breakpoint on a line with code: types, comments and braces have none.',
  'debug.no-source': 'Only cells that have run or were dumped, and files that have been loaded, can be shown.',
  'debug.refused': 'Ask again; if it stays so, switch the debugger off and on.',
  'debug.process-ended': 'Run the cells again; breakpoints are kept.',
  'engine.globals-failed': 'Cells run without the names of the lab. Correct the cause, then restart the kernel.',
  'engine.checker-unavailable': 'The cell ran unchecked. The checker is started again for the next one.',
  'engine.child-failed': 'The process that runs cells did not start. The log file names the cause.',
  'engine.frame-too-long': 'A single output was larger than 256 MiB. Write it to a file, or show a part of it.',
  'engine.shut-down': 'The engine was shut down; start a new kernel.',
} as const;

/** A code of {@link ENGINE_ERRORS}. */
export type EngineErrorCode = keyof typeof ENGINE_ERRORS;

/** An error of the engine itself or of a cell's life, never of the user's own code. */
export class EngineError extends codedError('EngineError', ENGINE_ERRORS) {}
