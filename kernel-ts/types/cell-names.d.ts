// The names a cell sees, as the checker sees them. One declaration each, so that a cell may declare any of them again.
/// <reference path="node-globals.d.ts" />

/** Boards, models, quantizers, plots and reports. */
declare const lab: import('../dist/lab/index.js').Lab;
/** Shows a value; resolves when it has been emitted. The cell waits for it also when you do not. With `{ displayId: true }` it gives a handle: `live.update(next)`. */
declare const display: import('../dist/display/index.js').DisplayFunctions['display'];
/** Asks the user: `await input('name: ')`; with `{ password: true }` what is typed is not shown. */
declare const input: (prompt?: string, options?: { readonly password?: boolean }) => Promise<string>;
/** Starts a progress display that is updated in place. */
declare const progress: import('../dist/display/index.js').DisplayFunctions['progress'];
/** Shows HTML: html`<b>${value}</b>`. Values are escaped; what html`…` or svg`…` made goes in as it is. */
declare const html: typeof import('../dist/display/index.js').html;
/** Shows Markdown: md`**${value}**`. */
declare const md: typeof import('../dist/display/index.js').md;
/** Shows an SVG picture. */
declare const svg: typeof import('../dist/display/index.js').svg;
/** Shows a formula: tex`\frac{a}{b}`. */
declare const tex: typeof import('../dist/display/index.js').tex;
/** The kernel: versions, settings, the running cell's signal, widgets, comms, clearOutput. */
declare const kernel: {
  readonly versions: {
    readonly kernel: string;
    readonly typescript: string;
    readonly node: string;
    /** Of the newest board's agent, once a board is connected. */
    readonly agent?: string;
  };
  readonly settings: { check: 'error' | 'warn' | 'off' };
  readonly signal: AbortSignal;
  readonly widgets: import('../dist/display/index.js').Widgets;
  readonly comms: import('../dist/engine/cell-host.js').CellHost['comms'];
  clearOutput(wait?: boolean): void;
};
