// Knows how to find a key that occurs twice in one object of a JSON text.
// Refuses to know what the text means; it must already have passed JSON.parse.

/** The first key that its object names twice, or undefined. `json` must be valid JSON. */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | null)[] = []; // one per open bracket: the keys of an object, null for an array
  let keyExpected = false;
  for (let at = 0; at < json.length; at++) {
    const c = json[at];
    if (c === '"') {
      const start = at++;
      while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
      const keys = open.at(-1);
      if (keys && keyExpected) {
        const key = JSON.parse(json.slice(start, at + 1)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
        keyExpected = false;
      }
    } else if (c === '{') {
      open.push(new Set());
      keyExpected = true;
    } else if (c === '[') {
      open.push(null);
    } else if (c === '}' || c === ']') {
      open.pop();
    } else if (c === ',') {
      keyExpected = open.at(-1) !== null;
    }
  }
  return undefined;
}
