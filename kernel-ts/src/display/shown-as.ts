/** Faces for objects of packages that know no display: the object stays what it is and shows itself all the same. */
import { type Bundle, type Displayable, jupyterDisplay } from './bundle.js';

/** `value` itself, from now on shown as what `make` gives. The method is hidden from loops, spreads and JSON. */
export function shownAs<Value extends object>(value: Value, make: () => Bundle | Promise<Bundle>): Value & Displayable {
  return Object.defineProperty(value, jupyterDisplay, { value: make, configurable: true }) as Value & Displayable;
}

/** Several displays one below the other, as one bundle: their HTML and their text; other forms have no place in a stack. */
export async function stacked(parts: readonly Displayable[]): Promise<Bundle> {
  const bundles = await Promise.all(parts.map((part) => part[jupyterDisplay]()));
  return {
    'text/html': bundles.map((bundle) => `<div style="margin-bottom:.75em">${bundle['text/html']}</div>`).join('\n'),
    'text/plain': bundles.map((bundle) => bundle['text/plain']).join('\n\n'),
  };
}
