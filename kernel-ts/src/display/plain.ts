/** A value as text, the way Node prints it; bounded, without colours, and never throwing. */
import { inspect } from 'node:util';

export function plainText(value: unknown): string {
  try {
    return inspect(value, { depth: 4, maxArrayLength: 100, maxStringLength: 10_000, breakLength: 100, colors: false });
  } catch (failure) {
    return `[${typeof value} that cannot be shown: ${String(failure)}]`;
  }
}
