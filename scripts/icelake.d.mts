/** Holds what a test program printed against what it lists. */
export function checkReport(list: string, report: string): { readonly tests: number; readonly comparisons: number };
