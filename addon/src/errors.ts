// The errors of this package, all in one table. Knows codes and remedies; refuses to know where they are thrown.

/** Every code this package throws, with what to do about it. */
export const addonErrors = {
  'addon.not-built':
    'build it with `node addon/build.mjs` (needs Rust and a C++20 compiler), or `npm start` in the repository',
  'addon.build-failed': 'read the compiler’s messages above the error',
  'addon.cancelled': 'the call was aborted through its signal; start it again when you want the result',
  'addon.wrong-type': 'pass the typed array the message names; f16 and bf16 values travel as Uint16Array',
  'addon.wrong-size': 'make the array as long as the shape in the message says, or correct the shape',
  'addon.out-of-range': 'pass a value inside the range the message gives',
  'addon.overlap': 'give the result its own array; only add, siluMul and rmsNorm may write onto an input',
  'addon.not-positive-definite': 'the Hessian is not a Gram matrix or holds NaN: check the calibration activations',
  'addon.isa-unavailable': 'force an instruction set this processor has, or none; kernels().isa names the active one',
  'addon.map-failed': 'check that the path names a readable regular file',
  'addon.internal': 'this is a bug in the kernels: report it with the call and its shapes',
} as const;

/** A code of {@link addonErrors}. */
export type AddonErrorCode = keyof typeof addonErrors;

/** What every function of this package throws or rejects with. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
  /** Which error it is; stable. */
  readonly code: AddonErrorCode;
  /** What to do about it. */
  readonly remedy: string;

  constructor(code: AddonErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.remedy = addonErrors[code];
  }
}
