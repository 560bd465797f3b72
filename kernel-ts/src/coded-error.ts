/** An error with a code, a cause in words and a remedy: what every room of this package throws. Knows no code itself. */

/**
 * The class of one room's errors. `remedies` is the room's table: every code it throws, with what the user can do.
 *
 * ```ts
 * export class LabError extends codedError('LabError', LAB_ERRORS) {}
 * ```
 */
export function codedError<Code extends string>(name: string, remedies: Readonly<Record<Code, string>>) {
  return class extends Error {
    override readonly name = name;
    /** What the user can do about it. */
    readonly remedy: string;

    constructor(
      /** Which error it is; stable. */
      readonly code: Code,
      message: string,
      options?: ErrorOptions,
    ) {
      super(message, options);
      this.remedy = remedies[code];
    }
  };
}
