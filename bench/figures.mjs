import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, release, totalmem } from 'node:os'

/** The middle value; the mean of the two middle ones for an even count. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function spread(values) {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) }
}

export function percentile(values, percent) {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))]
}

/** What the figures were measured on, without naming the machine. */
export function describeMachine() {
  const [cpu] = cpus()
  return `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}, Node.js ${process.version}`
}

/**
 * Prints figures beside their limits, and keeps them in bench/results/. A row: what, value, limit (a
 * number with the same unit, at most which it must be), unit.
 */
export function report(name, rows, details = {}) {
  console.log(`\n${name} — ${describeMachine()}`)
  const width = Math.max(...rows.map((row) => row.what.length))
  for (const { what, value, limit, unit } of rows) {
    const verdict =
      limit === undefined
        ? ''
        : value <= limit
          ? `  (limit ${limit} ${unit}: met)`
          : `  (limit ${limit} ${unit}: MISSED)`
    console.log(`  ${what.padEnd(width)}  ${round(value)} ${unit}${verdict}`)
  }
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  const file = new URL(`results/${name}.json`, import.meta.url)
  writeFileSync(file, `${JSON.stringify({ name, machine: describeMachine(), rows, details }, null, 2)}\n`)
  return rows.every(({ value, limit }) => limit === undefined || value <= limit)
}

function round(value) {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100
}
