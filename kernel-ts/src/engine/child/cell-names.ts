/** The names that cells have declared, and their values. */
import { bindingOf } from '../cell-binding.js';

/** The names that cells have declared so far. */
export const declared = new Set<string>();

/** Called by another name, `eval` works in the scope that all cells share. */
// biome-ignore lint/security/noGlobalEval: it is given names from the syntax of cells alone.
const inCells = globalThis.eval;

/** The value of a declared name; throws where its cell has not got there. */
export function valueInCells(name: string): unknown {
  return inCells(bindingOf(name));
}
