import { parseArgs } from 'node:util'

/** What a person may ask for. Throws one sentence for what cannot be meant. */
export function readOptions(args, caseNames) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      case: { type: 'string', multiple: true, default: [...caseNames] },
    },
  })
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds must be a whole number above 0, not ${JSON.stringify(values.rounds)}.`)
  if (!(seconds > 0 && seconds <= 30))
    throw new Error(`--seconds must be above 0 and at most 30, not ${JSON.stringify(values.seconds)}.`)
  const unknown = values.case.find((name) => !caseNames.includes(name))
  if (unknown !== undefined)
    throw new Error(`There is no case ${JSON.stringify(unknown)}; the cases are ${caseNames.join(', ')}.`)
  return { rounds, seconds, cases: caseNames.filter((name) => values.case.includes(name)) }
}
