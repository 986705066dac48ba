import type { ContentsVersion, Drift, Version } from './find-drift.js'

/** Definitions that are longer are not said: a sentence is no place to compare functions. */
const LONGEST_SAID = 100

/** One sentence. */
export function describeDrift(drift: Drift): string {
  switch (drift.kind) {
    case 'schema': {
      const { kind, name, table } = drift.part
      const subject = kind === 'table' || table === null ? `${kind} ${name}` : `${table}: ${kind} ${name}`
      return `${capitalized(kind, table, subject)} ${describeVersions(drift.versions)}.`
    }
    case 'invalid-index':
      return `${drift.table}: index ${drift.index} is invalid on ${listed(drift.places)}: making it did not come to its end. Drop it there and make it again.`
    case 'stray-table':
      return `Table ${drift.table} is on ${listed(drift.places)}, and is not spread: nobody looks for it there.`
    case 'contents':
      return `${drift.table}: the copies are not alike: ${drift.versions.map(describeContents).join('; ')}.`
    case 'misplaced': {
      const samples = drift.samples.map(({ key, owner }) => `${key} (${owner ?? 'of nobody'})`).join(', ')
      const rows = drift.rows === 1 ? '1 row is' : `${drift.rows.toLocaleString('en-US')} rows are`
      return `${drift.table}: ${rows} on ${drift.shard} that it does not own: ${samples}${drift.rows > drift.samples.length ? ', …' : ''}.`
    }
    case 'placement':
      return `The placement is not the same in all groups: ${drift.versions
        .map(({ definition, places }) => `${definition ?? 'none'} on ${listed(places)}`)
        .join('; ')}.`
  }
}

function capitalized(kind: string, table: string | null, subject: string): string {
  return kind === 'table' || table === null ? subject.charAt(0).toUpperCase() + subject.slice(1) : subject
}

function describeVersions(versions: readonly Version[]): string {
  const missing = versions.find(({ definition }) => definition === null)
  const there = versions.filter(({ definition }) => definition !== null)
  const others = missing === undefined ? '' : `, and is missing on ${listed(missing.places)}`
  if (there.length === 1) return `is on ${listed(there[0]?.places ?? [])}${others}`
  if (there.some(({ definition }) => (definition as string).length > LONGEST_SAID))
    return `is one on ${there.map(({ places }) => listed(places)).join(', another on ')}${others}`
  return `is ${there.map(({ definition, places }) => `${JSON.stringify(definition)} on ${listed(places)}`).join(', ')}${others}`
}

function describeContents({ rows, places }: ContentsVersion): string {
  return `${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'} on ${listed(places)}`
}

function listed(places: readonly string[]): string {
  return places.length < 2 ? (places[0] ?? '') : `${places.slice(0, -1).join(', ')} and ${places.at(-1)}`
}
