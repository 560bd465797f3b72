/** docs/bench.json. */
export interface KeptNumbers {
  readonly date: string;
  readonly machine: Record<string, string | number>;
  readonly benches: Record<string, readonly { readonly name: string; readonly value: number }[]>;
}
/** docs/bench.md. */
export function benchPage(kept: KeptNumbers): string;
/** The README with its table of numbers. */
export function readmeWith(kept: KeptNumbers, readme: string): string;
