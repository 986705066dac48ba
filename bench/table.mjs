import { describeMachine } from './figures.mjs'

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/**
 * Prints one table: contestant, its median with the range of its rounds, the ratio, its limit, what is shown
 * `beside` it without a limit, the verdict.
 */
export function printTable({ title, unit, rows, comparedAs = 'client is', besideAs = '' }) {
  const lines = [
    ['', 'median', 'range', comparedAs, 'limit', besideAs, ''],
    ...rows.map((row) => [
      row.contestant,
      row.absent === undefined ? show(row.median, unit) : '–',
      row.absent !== undefined || row.min === row.max ? '' : `${show(row.min, '')} – ${show(row.max, '')}`,
      showCompared(row.against),
      row.against?.limit ?? '',
      showCompared(row.beside),
      [row.against?.verdict, row.absent ?? row.note].filter(Boolean).join(': '),
    ]),
  ]
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  console.log(`\n${title}`)
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 || column === line.length - 1
        ? cell.padEnd(widths[column])
        : cell.padStart(widths[column]),
    )
    console.log(`  ${cells.filter((_, column) => widths[column] > 0).join('  ')}`.trimEnd())
  }
}

export function printHeading(name, { rounds, seconds }) {
  console.log(`\n${name} — ${describeMachine()}`)
  console.log(
    `medians of ${rounds} alternating rounds of ${seconds} s after one to warm up; a ratio is the median of the rounds' own`,
  )
}

function showCompared(against) {
  if (against === undefined || against.value === null) return ''
  return `${against.value.toFixed(2)}${against.unit ?? '×'}`
}

function show(value, unit) {
  if (value >= 100 || Number.isInteger(value))
    return `${NUMBER.format(value)}${unit === '/s' ? unit : space(unit)}`
  return `${value.toFixed(2)}${space(unit)}`
}

function space(unit) {
  return unit === '' ? '' : ` ${unit}`
}
