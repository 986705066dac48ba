import type { z } from 'zod'
import { closestMatch } from './closest-match.js'
import type { Vocabulary } from './known-keys.js'
import { type FieldProblem, formatPath, type SpecPath, showValue, valueAt } from './spec-path.js'

/** Turns what zod found in `data` into sentences a person can act on. */
export function describeIssue(
  issue: z.core.$ZodIssue,
  data: unknown,
  vocabulary: Vocabulary,
): FieldProblem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, vocabulary))
  if (issue.code === 'invalid_key') return [badSettingName(path)]
  const value = valueAt(data, path)
  const inside = problemsInside(issue, value)
  if (inside !== undefined)
    return inside.flatMap((each) =>
      describeIssue({ ...each, path: [...issue.path, ...each.path] }, data, vocabulary),
    )
  if (value === undefined) {
    const example = path.length === 1 && path[0] === 'name' ? '; write, for example, "name: my-herd"' : ''
    const message = `${formatPath(path)} is missing${example}`
    return [{ path, at: 'key', message }]
  }
  const guess = typeof value === 'string' ? closestMatch(value, wordsFor(issue)) : undefined
  const message = `${formatPath(path)} must be ${issue.message}, not ${showValue(value)}${didYouMean(guess)}`
  return [{ path, at: 'value', message }]
}

/** Of a field that takes a mapping among other things, and has one: what is wrong in it. */
function problemsInside(issue: z.core.$ZodIssue, value: unknown): z.core.$ZodIssue[] | undefined {
  if (issue.code !== 'invalid_union' || typeof value !== 'object' || value === null) return undefined
  return issue.errors.find((errors) =>
    errors.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  )
}

function unknownKey(path: SpecPath, key: string, vocabulary: Vocabulary): FieldProblem {
  const section = path.length === 0 ? 'at the top level' : `in ${formatPath(path)}`
  const guess = closestMatch(key, vocabulary.knownKeys(path))
  const home = guess === undefined ? vocabulary.sectionOf(key) : undefined
  const advice = home === undefined ? didYouMean(guess) : `; it belongs ${home}`
  return { path: [...path, key], at: 'key', message: `unknown key ${showValue(key)} ${section}${advice}` }
}

function badSettingName(path: SpecPath): FieldProblem {
  const name = path.at(-1)
  const message = `${formatPath(path.slice(0, -1))}: ${showValue(name)} is not the name of a setting; those are lower-case letters, digits, underscores and dots`
  return { path, at: 'key', message }
}

/** The words a field takes, if it takes words. */
function wordsFor(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(wordsFor)
  return []
}

function didYouMean(guess: string | undefined): string {
  if (guess === undefined) return ''
  return `; did you mean ${/^\d+$/.test(guess) ? guess : `"${guess}"`}?`
}
