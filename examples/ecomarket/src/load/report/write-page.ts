import type { LoadReport } from '../load-report.js'
import { COLOURS, escapeText } from './charts.js'
import { describeCircumstances, describeReport, type Section } from './describe-report.js'

/** Colours for light and dark, told apart also by who sees no red and green. */
const STYLE = `
:root { color-scheme: light dark; --text: #1f2328; --quiet: #59636e; --rule: #d1d9e0; --page: #fff; --code: #f6f8fa;
  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #0f766e; --c6: #8a6d00; --c7: #57606a }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9198a1; --rule: #3d444d; --page: #0d1117; --code: #151b23;
  --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950; --c3: #bc8cff; --c4: #f778ba; --c5: #2dd4bf; --c6: #e3b341; --c7: #8b949e } }
body { margin: 0 auto; max-width: 48rem; padding: 2rem 1rem 4rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.75rem } h2 { margin-top: 3rem; font-size: 1.25rem; border-bottom: 1px solid var(--rule) }
.circumstances { color: var(--quiet) } figure { margin: 1.5rem 0 } figcaption { color: var(--quiet); font-size: .875rem }
svg { display: block; width: 100%; height: auto; font: 13px system-ui, sans-serif } svg text { fill: var(--text) }
svg .tick { fill: var(--quiet); font-size: 12px } svg .grid { stroke: var(--rule); stroke-width: 1 }
svg .line { fill: none; stroke-width: 1.5 } svg .mark { stroke: var(--text); stroke-dasharray: 4 3 }
.scroll { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0; font-size: .875rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; border: 1px solid var(--rule); text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left } th { background: var(--code); font-weight: 600 }
${Array.from({ length: COLOURS }, (_, at) => `.fill${at} { fill: var(--c${at}) } .stroke${at} { stroke: var(--c${at}) }`).join('\n')}
`

/** The report as one page that asks nobody for anything: styles and charts are in it. */
export function writePage(report: LoadReport): string {
  const circumstances = describeCircumstances(report).map((line) => `<p>${escapeText(line)}</p>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ecomarket under load</title>
<style>${STYLE}</style>
</head>
<body>
<h1>ecomarket under load</h1>
<div class="circumstances">
${circumstances.join('\n')}
</div>
${describeReport(report).map(writeSection).join('\n')}
</body>
</html>
`
}

function writeSection({ title, text, charts, tables }: Section): string {
  return `<section>
<h2>${escapeText(title)}</h2>
${text.map((line) => `<p>${escapeText(line)}</p>`).join('\n')}
${charts.map(({ caption, svg }) => `<figure>\n<figcaption>${escapeText(caption)}</figcaption>\n${svg}\n</figure>`).join('\n')}
${tables.map(writeTable).join('\n')}
</section>`
}

function writeTable({ head, rows }: Section['tables'][number]): string {
  const cells = (row: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${row.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`
  return `<div class="scroll"><table>
<thead>${cells(head, 'th')}</thead>
<tbody>
${rows.map((row) => cells(row, 'td')).join('\n')}
</tbody>
</table></div>`
}
