/**
 * Output of C code in addons. A pipe makes C's `stdout` keep text until 4 KiB are full, so that `printf` would appear cells
 * later; before the first addon loads, the stream is made unbuffered. Surprise: the one who can do that without an addon
 * of ours is coreutils' `libstdbuf`, which does it when it is loaded; that Node finds no addon in it does not matter.
 */
const LIBRARIES = ['/usr/libexec/coreutils/libstdbuf.so', '/usr/lib/coreutils/libstdbuf.so'];

/** Makes the first addon that loads find an unbuffered `stdout`; without coreutils nothing changes. */
export function installNativeOutput(): void {
  const { dlopen } = process;
  process.dlopen = (...values: Parameters<typeof dlopen>) => {
    process.dlopen = dlopen;
    unbuffer(dlopen);
    dlopen.apply(process, values);
  };
}

function unbuffer(dlopen: typeof process.dlopen): void {
  process.env._STDBUF_O = '0';
  for (const library of LIBRARIES) {
    try {
      dlopen({ exports: {} }, library);
    } catch {
      // not there, or, as expected, no addon
    }
  }
  delete process.env._STDBUF_O;
}
