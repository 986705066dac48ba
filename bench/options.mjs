import { parseArgs } from 'node:util'

/**
 * What a person may ask for. `more`: further options that are numbers, as `{ name: { default, most } }`.
 * Ends the process with one sentence for what cannot be meant.
 */
export function chooseOptions(args, caseNames, more = {}) {
  try {
    return readOptions(args, caseNames, more)
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

function readOptions(args, caseNames, more) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      case: { type: 'string', multiple: true, default: [...caseNames] },
      ...Object.fromEntries(
        Object.entries(more).map(([name, { default: value }]) => [
          name,
          { type: 'string', default: String(value) },
        ]),
      ),
    },
  })
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds must be a whole number above 0, not ${JSON.stringify(values.rounds)}.`)
  const unknown = values.case.find((name) => !caseNames.includes(name))
  if (unknown !== undefined)
    throw new Error(`There is no case ${JSON.stringify(unknown)}; the cases are ${caseNames.join(', ')}.`)
  const numbers = Object.entries({ seconds: { most: 30 }, ...more }).map(([name, { most }]) => {
    const number = Number(values[name])
    if (!(number > 0 && number <= most))
      throw new Error(`--${name} must be above 0 and at most ${most}, not ${JSON.stringify(values[name])}.`)
    return [name, number]
  })
  return {
    rounds,
    ...Object.fromEntries(numbers),
    cases: caseNames.filter((name) => values.case.includes(name)),
  }
}
