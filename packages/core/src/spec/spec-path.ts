/** The way from the top of a spec to a field: `['groups', 0, 'nodes']`. */
export type SpecPath = readonly (string | number)[]

/** Something wrong with a field, before it is known where the field stands in the file. */
export interface FieldProblem {
  path: SpecPath
  /** Whether the key itself is at fault, or what stands behind it. */
  at: 'key' | 'value'
  message: string
}

/** A path as a person writes it: `groups[0].nodes`; names that are not plain words are quoted. */
export function formatPath(path: SpecPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    if (!/^[A-Za-z_][\w.]*$/.test(step)) return `${text}[${showValue(step)}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

const SHOWN_CHARACTERS = 60

/** A value as an error message quotes it: short, on one line, and never a whole structure. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value !== 'string') return String(value)
  const text = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}...` : value
  return JSON.stringify(text)
}

/** What stands at a path in plain data; undefined where the path leads nowhere. */
export function valueAt(data: unknown, path: SpecPath): unknown {
  return path.reduce<unknown>((value, step) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    return (value as Record<string | number, unknown>)[step]
  }, data)
}
