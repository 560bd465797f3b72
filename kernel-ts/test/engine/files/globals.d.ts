declare const lab: { readonly answer: number; fail(): never };
declare const comms: import('../../../dist/engine/cell-host.js').CellHost['comms'];
declare function input(prompt: string, password?: boolean): Promise<string>;
declare function display(data: Record<string, unknown>, options?: { displayId?: string; update?: boolean }): void;
declare function clear(wait: boolean): void;
declare function later(data: Record<string, unknown>): void;
declare const kernel: {
  settings: { check: 'error' | 'warn' | 'off' };
  readonly signal: AbortSignal;
  readonly executionCount: number;
};
