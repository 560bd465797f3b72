// Knows the merge loop: a linked list of symbols and a heap of neighbouring pairs, best score first, leftmost on ties.
// Refuses to know blanks, bytes and files. Surprise: heap entries go stale when a neighbour merges first; a stale entry is
// recognised by its lengths and dropped, so nothing is ever removed from the middle of the heap.

/** Finds the score of a merged piece, undefined where it is no piece. */
export type PieceScore = (text: string) => number | undefined;

interface Pair {
  score: number;
  left: number;
  right: number;
  /** Characters of both symbols when the pair was seen. */
  length: number;
}

/** Cuts a text into the pieces that BPE merging ends with; characters that never merged stay single. */
export function bpeMerge(text: string, score: PieceScore): string[] {
  const symbols = Array.from(text);
  if (symbols.length < 2) return symbols;
  const next = symbols.map((_, i) => (i + 1 < symbols.length ? i + 1 : -1));
  const previous = symbols.map((_, i) => i - 1);
  const heap: Pair[] = [];
  const consider = (left: number, right: number): void => {
    if (left < 0 || right < 0) return;
    const merged = (symbols[left] as string) + (symbols[right] as string);
    const value = score(merged);
    if (value !== undefined) push(heap, { score: value, left, right, length: merged.length });
  };
  for (let i = 0; i + 1 < symbols.length; i++) consider(i, i + 1);
  for (let pair = pop(heap); pair; pair = pop(heap)) {
    const left = symbols[pair.left] as string;
    const right = symbols[pair.right] as string;
    if (left === '' || right === '' || left.length + right.length !== pair.length) continue;
    symbols[pair.left] = left + right;
    symbols[pair.right] = '';
    const after = next[pair.right] as number;
    next[pair.left] = after;
    if (after >= 0) previous[after] = pair.left;
    consider(previous[pair.left] as number, pair.left);
    consider(pair.left, after);
  }
  return symbols.filter((symbol) => symbol !== '');
}

const before = (a: Pair, b: Pair): boolean => a.score > b.score || (a.score === b.score && a.left < b.left);

function push(heap: Pair[], pair: Pair): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const other = heap[parent] as Pair;
    if (!before(pair, other)) break;
    heap[at] = other;
    at = parent;
  }
  heap[at] = pair;
}

function pop(heap: Pair[]): Pair | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Pair, heap[child] as Pair)) child++;
    const other = heap[child] as Pair;
    if (!before(other, last)) break;
    heap[at] = other;
    at = child;
  }
  heap[at] = last;
  return top;
}
