/** Whether a cursor stands in the text of a string or of a template. Reads characters, no syntax: the text may be unfinished. */

/** Where the string begins that a line leaves open: behind its quotation mark. */
export function openQuote(line: string): number | undefined {
  let mark: string | undefined;
  let start = 0;
  for (let at = 0; at < line.length; at++) {
    const one = line[at] as string;
    if (one === '\\') at++;
    else if (mark === undefined && line.startsWith('//', at)) return undefined;
    else if (mark === undefined && line.startsWith('/*', at)) at = (line.indexOf('*/', at) + 1 || line.length) - 1;
    else if (mark === undefined && /['"`]/.test(one)) [mark, start] = [one, at + 1];
    else if (one === mark) mark = undefined;
  }
  return mark === undefined || mark === '`' ? undefined : start;
}

/** What runs to its own end in code: comments, strings, and regular expressions where a value may begin. */
const SKIPPED =
  /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:\\.|[^'\\\n])*'?|"(?:\\.|[^"\\\n])*"?|(?<=(?:^|[=(,:;!&|?{}[\n])\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/?/y;

/** Whether `cursor` stands in a template's own text, not in one of its `${…}`. */
export function inTemplateText(text: string, cursor: number): boolean {
  if (!text.slice(0, cursor).includes('`')) return false;
  const before = text.slice(0, cursor);
  /** One entry per open template: how many braces are open in its `${`; -1 in its text. */
  const open: number[] = [];
  for (let at = 0; at < before.length; at++) {
    const depth = open.at(-1);
    if (depth === -1) {
      if (before[at] === '\\') at++;
      else if (before[at] === '`') open.pop();
      else if (before.startsWith('${', at)) [open[open.length - 1], at] = [0, at + 1];
      continue;
    }
    SKIPPED.lastIndex = at;
    const skipped = SKIPPED.exec(before)?.[0].length;
    if (skipped !== undefined) at += skipped - 1;
    else if (before[at] === '`') open.push(-1);
    else if (depth !== undefined && before[at] === '{') open[open.length - 1] = depth + 1;
    else if (depth !== undefined && before[at] === '}') open[open.length - 1] = depth - 1;
  }
  return open.at(-1) === -1;
}
