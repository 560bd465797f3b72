/** The look of a report: one column, legible on paper and in dark mode, no script and no request to anywhere. */
export const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5d6673; --paper: #ffffff; --panel: #f5f6f8; --line: #d9dde3; --accent: #2f6db5; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --dim: #9aa4b1; --paper: #14171b; --panel: #1d2127; --line: #343a43; --accent: #7fb2ec; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, 'DejaVu Sans', sans-serif; }
header { border-bottom: 2px solid var(--accent); margin-bottom: 2rem; padding-bottom: 1rem; }
header h1 { margin: 0 0 .5rem; font-size: 1.7rem; line-height: 1.25; }
.answer { font-size: 1.15rem; margin: .5rem 0; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; color: var(--dim); margin: .75rem 0 0; padding: 0; list-style: none; font-size: .92rem; }
.facts b { color: var(--ink); font-weight: 600; }
.badge { border: 1px solid var(--accent); color: var(--accent); border-radius: 999px; padding: 0 .6rem; font-size: .85rem; }
section { margin: 0 0 1.5rem; }
details > summary { cursor: pointer; color: var(--dim); font-size: .85rem; }
pre, code { font: 13px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.output { margin: .5rem 0; overflow-x: auto; }
.output pre { border: 0; border-left: 3px solid var(--line); border-radius: 0; background: none; }
.error pre { border-left-color: var(--bad); color: var(--bad); }
.volatile::before { content: 'may differ between runs'; display: inline-block; color: var(--dim); font-size: .75rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; white-space: nowrap; font-weight: 600; padding: .25rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .7rem .2rem 0; text-align: left; vertical-align: top; }
img { max-width: 100%; height: auto; }
img.chart { background: #fff; border-radius: 6px; padding: .5rem; }
footer { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1rem; color: var(--dim); font-size: .85rem; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } details:not([open]) { display: none; } section, figure, tr { break-inside: avoid; } }
`;
