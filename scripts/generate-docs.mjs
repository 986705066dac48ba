// Writes the parts of the documentation that code already says: the fields of the spec, the error
// codes, and the JSON Schema. Needs a build. `--check` writes nothing and exits 1 if a file differs.
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'

const ROOT = new URL('../', import.meta.url)

/** The rows of docs/spec.md: every field with what it takes, its default and its meaning. */
export function renderSpecFields(schema) {
  const rows = fieldsOf(schema).map(({ path, field, required }) => [
    `\`${path}\``,
    values(field),
    required ? 'required' : defaultOf(field),
    field.description ?? '',
  ])
  return table(['Field', 'Takes', 'Default', 'Meaning'], rows)
}

/** The rows of docs/errors.md: every code with what follows from it. */
export function renderErrors(catalogue) {
  const rows = Object.entries(catalogue).map(([code, { retryable, exitCode, summary }]) => [
    `\`${code}\``,
    retryable ? 'yes' : 'no',
    String(exitCode),
    summary,
  ])
  return table(['Code', 'Retryable', 'Exit code', 'Meaning'], rows)
}

/** The schema as a file, laid out as the formatter of this repository lays it out. */
export function renderSchema(schema) {
  const spread = JSON.stringify(schema, null, 2)
  const narrow = spread.replace(
    /^(.*)\[\s+((?:\{\}|[^[\]{}])*?)\s+\](,?)$/gm,
    (whole, before, items, after) => {
      const line = `${before}[${items.replace(/\n\s+/g, ' ')}]${after}`
      return line.length <= 110 ? line : whole
    },
  )
  return `${narrow}\n`
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
export function replaceBetween(text, name, content) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the markers ${start} and ${end} are missing`)
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`
}

function fieldsOf(schema, prefix = '') {
  // Where a mapping or something else may stand, the fields are those of the mapping.
  const { properties = {} } = schema.anyOf?.find((each) => each.properties) ?? schema
  return Object.entries(properties).flatMap(([key, field]) => {
    const path = `${prefix}${key}`
    const here = { path, field, required: schema.required?.includes(key) ?? false }
    // Where keys are a person's own, the fields are those behind any of them.
    const any = field.additionalProperties
    const inside = field.items
      ? fieldsOf(field.items, `${path}[].`)
      : fieldsOf(any ? any : field, any ? `${path}.*.` : `${path}.`)
    return [here, ...inside]
  })
}

function values(field) {
  if (field.enum) return field.enum.map((value) => `\`${value}\``).join(', ')
  if ('const' in field) return `\`${field.const}\``
  if (field.anyOf) return field.anyOf.map(values).join(' or ')
  if (field.minimum !== undefined) return `${field.minimum} to ${field.maximum}`
  if (field.type === 'null') return '`null`'
  return { object: 'mapping', array: 'list', string: 'text' }[field.type] ?? field.type
}

function defaultOf(field) {
  if (field.default === undefined) return 'see meaning'
  return typeof field.default === 'object' && field.default !== null ? '' : `\`${field.default}\``
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

async function main(check) {
  const { herdSchema } = await import(new URL('packages/core/dist/spec/index.js', ROOT).href)
  const { ERROR_CATALOGUE } = await import(new URL('packages/core/dist/errors.js', ROOT).href)
  const files = [
    ['docs/spec.md', (text) => replaceBetween(text, 'fields', renderSpecFields(herdSchema()))],
    ['docs/errors.md', (text) => replaceBetween(text, 'errors', renderErrors(ERROR_CATALOGUE))],
    ['packages/core/herd.schema.json', () => renderSchema(herdSchema())],
  ]
  for (const [path, render] of files) {
    const url = new URL(path, ROOT)
    const before = await readFile(url, 'utf8').catch(() => '')
    const after = render(before)
    if (before === after) continue
    if (check) process.exitCode = 1
    else await writeFile(url, after)
    console.log(check ? `${path} differs; run "node scripts/generate-docs.mjs"` : `wrote ${path}`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.includes('--check'))
