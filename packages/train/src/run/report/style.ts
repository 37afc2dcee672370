/** The page's looks, light and dark. Colours of curves are told apart by people with any kind of colour vision, mostly. */
export const style = `
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --ink: #1c2128; --soft: #5b6572; --line: #e3e7ec; --span: #eef2f7; --warn: #b3541e; --good: #1a7f4b;
  --c0: #1f6feb; --c1: #d9622b; --c2: #1a9c77; --c3: #a855c7; --c4: #b8860b; --c5: #d6336c; --c6: #0f8aa8; --c7: #6b7280; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0f1318; --card: #171c23; --ink: #e4e8ee; --soft: #97a3b2; --line: #2a323c; --span: #1e252e; --warn: #f0a06a; --good: #5fd09a;
  --c0: #6aa5ff; --c1: #ff9a68; --c2: #4fd1a5; --c3: #d293f0; --c4: #e5bd4f; --c5: #ff7aa8; --c6: #56c8e4; --c7: #a1acba; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1140px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 40px 0 12px; }
h2 + p { margin-top: -8px; }
h2 small, figcaption small { font-weight: 400; color: var(--soft); }
p { margin: 0 0 8px; } .soft { color: var(--soft); } .warn { color: var(--warn); }
.state { display: inline-block; font-size: 12px; font-weight: 600; padding: 1px 10px; border-radius: 99px; margin-left: 10px; vertical-align: 5px; border: 1px solid; }
.state.done { color: var(--good); } .state.stopped { color: var(--warn); } .state.open { color: var(--c0); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 12px; margin: 20px 0 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tiles span { display: block; color: var(--soft); font-size: 12px; } .tiles b { display: block; font-size: 22px; line-height: 1.3; letter-spacing: -.01em; }
.tiles small { color: var(--soft); font-size: 12px; display: block; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px; }
.chart { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px 10px; min-width: 0; }
.chart.wide { grid-column: 1 / -1; }
figcaption { font-weight: 600; font-size: 13px; }
.chart svg { display: block; width: 100%; height: auto; margin-top: 2px; }
.chart text { font-size: 11px; fill: var(--soft); } .grid line { stroke: var(--line); }
.span rect { fill: var(--span); } .span text { font-weight: 600; }
.chart path { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.chart path.raw { stroke-width: 1; opacity: .28; } .chart path.band { fill: var(--c); stroke: none; opacity: .2; }
.reference path { stroke-dasharray: 5 4; stroke-width: 1.4; opacity: .85; } .chart circle { fill: var(--c); }
.legend { list-style: none; margin: 4px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 12px; color: var(--soft); }
.legend b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; background: var(--c); margin-right: 6px; vertical-align: 3px; }
.legend .reference i { background: repeating-linear-gradient(90deg, var(--c) 0 4px, transparent 4px 7px); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.none { color: var(--soft); margin: 24px 0; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 7px 14px; border-top: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 12px; } tr:first-child th { border-top: 0; }
th:first-child, td:first-child, .left { text-align: left; } td.wrap { white-space: normal; }
.bar { display: flex; height: 26px; border-radius: 7px; overflow: hidden; margin: 8px 0 6px; gap: 2px; } .bar i { background: var(--c); min-width: 1px; }
.samples { display: grid; gap: 14px; grid-template-columns: repeat(2, minmax(0, 1fr)); } .sample.wide { grid-column: 1 / -1; } .sample { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px 14px; }
.sample img { display: block; max-width: 100%; height: auto; border-radius: 5px; margin-top: 6px; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; margin-top: 12px; }
summary { cursor: pointer; font-weight: 600; font-size: 13px; }
pre { overflow-x: auto; font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; margin: 10px 0 4px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 12px 0 4px; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 40px; color: var(--soft); font-size: 12px; }
@media (max-width: 760px) { .charts, .samples { grid-template-columns: minmax(0, 1fr); } }
@media print { body { background: none; } .chart, .tiles li, .sample { break-inside: avoid; } }
`;
