/**
 * swc, loaded when the first text needs it: it takes longer to load than the kernel to answer its first request. Pinned to
 * 1.16.2: later ones come packed, and are read whole and unpacked into a cache: twice the time and 10 MiB more.
 */
import { createRequire } from 'node:module';

let loaded: typeof import('@swc/core') | undefined;

/** The compiler. */
export function swc(): typeof import('@swc/core') {
  loaded ??= createRequire(import.meta.url)('@swc/core') as typeof import('@swc/core');
  return loaded;
}
