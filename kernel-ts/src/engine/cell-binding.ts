/**
 * Under which name V8 holds what a cell declares. Surprise: what V8's REPL mode declares is seen by all code of the process, so
 * `class Set {}` would take `Set` from every package and from the kernel itself. A name that JavaScript or Node has already is
 * therefore held with a character behind it that is part of a name and has no width.
 */

const OWN_MARK = '\u200c';
const TAKEN = new Set(Object.getOwnPropertyNames(globalThis));

/** Whether cells hold their own value of this name apart from that of JavaScript or Node. */
export function isTaken(name: string): boolean {
  return TAKEN.has(name);
}

/** The name that V8 knows a cell's declaration of `name` by. */
export function bindingOf(name: string): string {
  return TAKEN.has(name) ? name + OWN_MARK : name;
}

/** A message of V8's with the names as cells write them. */
export function withoutMarks(message: string): string {
  return message.replaceAll(/[\w$]+\u200c/g, (binding) => {
    const name = binding.slice(0, -OWN_MARK.length);
    return TAKEN.has(name) ? name : binding;
  });
}
