/**
 * What users type into a debugger, as JavaScript: expressions, conditions, hit counts, log messages. Knows TypeScript's
 * syntax; refuses to know where the code runs. Throws `debug.bad-expression`.
 */

import { parserMessage } from '../complaint.js';
import { EngineError } from '../errors.js';
import { analyzeCell } from '../front/analyze.js';
import { compileCell, type EarlierNames, NO_NAMES } from '../front/compile.js';

/** Compiles an expression, or statements where it is none. `earlier` are the names of the cells. */
export function evaluable(code: string, earlier: EarlierNames): string {
  try {
    return compiled(`(${code}\n)`, earlier);
  } catch {
    return compiled(code, earlier);
  }
}

/** Compiles an expression and nothing else. */
export function expression(code: string): string {
  return compiled(`(${code}\n)`, NO_NAMES);
}

function compiled(code: string, earlier: EarlierNames): string {
  try {
    const { js } = compileCell(analyzeCell(code), 'npulab:debug', 'expression', earlier);
    return js
      .replace(/\n\/\/# sourceURL=.*$/, '')
      .trim()
      .replace(/;$/, '');
  } catch (error) {
    // A private field outside its class, which V8 allows a debugger alone.
    if (/\.#[\p{ID_Start}$_]/u.test(code)) return code.trim();
    const message = (parserMessage(error).split('\n')[0] as string).replace(/^\s*[x×]\s*/, '');
    throw new EngineError('debug.bad-expression', message);
  }
}

/** What decides whether a breakpoint stops. */
export interface StopRule {
  readonly condition: string | undefined;
  readonly hitCondition: string | undefined;
  readonly logMessage: string | undefined;
}

/** The rule as V8's condition of a breakpoint; undefined: it always stops. */
export function conditionOf(id: number, line: number, rule: StopRule): string | undefined {
  const parts: string[] = [];
  if (rule.condition !== undefined) parts.push(`(${expression(rule.condition)})`);
  if (rule.hitCondition !== undefined) parts.push(hitRule(id, rule.hitCondition));
  if (rule.logMessage !== undefined) parts.push(`__npulab.debug.log(${logParts(rule.logMessage)})`);
  return parts.length === 0 ? undefined : `__npulab.debug.when(${line}, () => ${parts.join(' && ')})`;
}

/** `3`, `>= 3`, `% 2`; a number alone means the hit of that number. */
function hitRule(id: number, text: string): string {
  const [, operator = '', count = ''] = /^\s*(>=|<=|={1,3}|>|<|%)?\s*(\d{1,9})\s*$/.exec(text) ?? [];
  if (count === '') throw new EngineError('debug.bad-expression', `${JSON.stringify(text)} is no hit count`);
  const hit = `__npulab.debug.hit(${id})`;
  if (operator === '%') return `${hit} % ${count} === 0`;
  return `${hit} ${operator === '' || operator.startsWith('=') ? '===' : operator} ${count}`;
}

/** `x is {x}` → texts and expressions; `\{` is a brace. */
function logParts(message: string): string {
  const parts: string[] = [];
  let text = '';
  for (let at = 0; at < message.length; at += 1) {
    const char = message[at] as string;
    if (char === '\\' && /[{}\\]/.test(message[at + 1] ?? '')) {
      at += 1;
      text += message[at];
    } else if (char === '{') {
      const end = endOfBrace(message, at);
      if (text !== '') parts.push(JSON.stringify(text));
      parts.push(`(${expression(message.slice(at + 1, end))})`);
      text = '';
      at = end;
    } else text += char;
  }
  if (text !== '') parts.push(JSON.stringify(text));
  return parts.join(', ');
}

function endOfBrace(message: string, start: number): number {
  let depth = 0;
  for (let at = start; at < message.length; at += 1) {
    if (message[at] === '{') depth += 1;
    else if (message[at] === '}') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  throw new EngineError('debug.bad-expression', `a { of the log message is not closed: ${message.slice(start)}`);
}
