import type { LoadReport } from '../load-report.js'
import { describeCircumstances, describeReport, type Section } from './describe-report.js'

/** The report to be read in a terminal or a pull request. */
export function writeMarkdown(report: LoadReport): string {
  const sections = describeReport(report).map(({ title, text, tables }) =>
    [`## ${title}`, text.join('\n'), ...tables.map(writeTable)].join('\n\n'),
  )
  return `${['# ecomarket under load', describeCircumstances(report).join('\n'), ...sections].join('\n\n')}\n`
}

/** In columns that are in line, the first to the left and the others to the right. */
function writeTable({ head, rows }: Section['tables'][number]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[column] as string).length)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] as number, column)).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}
