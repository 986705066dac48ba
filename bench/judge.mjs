import { median, spread } from './figures.mjs'

/**
 * Puts a figure of the subject beside a peer's: the ratio is the median of the rounds' own ratios, since what
 * disturbs a round disturbs both. `limit` is `{ atLeast }` or `{ atMost }`, or undefined when the peer is only
 * shown. A limit that could not be measured is not met.
 */
export function compare(subject, peer, figure, limit) {
  return compareBy((its, peers) => its / peers, subject, peer, figure, limit)
}

/** The same for how much more the subject's figure is: the median of the rounds' own differences. */
export function addedTo(peer, subject, figure, unit, limit) {
  return { ...compareBy((its, peers) => its - peers, subject, peer, figure, limit), unit }
}

function compareBy(relate, subject, peer, figure, limit) {
  const absent = subject.absent ?? peer.absent
  if (absent !== undefined) return judged(null, limit)
  const count = Math.min(subject.rounds.length, peer.rounds.length)
  const related = Array.from({ length: count }, (_, round) =>
    relate(subject.rounds[round][figure], peer.rounds[round][figure]),
  )
  return judged(median(related), limit)
}

/** Holds a value against its limit. */
export function judged(value, limit) {
  if (limit === undefined) return { value, limit: null, verdict: '', met: true }
  if (value === null) return { value, limit: sayLimit(limit), verdict: 'NOT MEASURED', met: false }
  const met = limit.atLeast === undefined ? value <= limit.atMost : value >= limit.atLeast
  return { value, limit: sayLimit(limit), verdict: met ? 'met' : 'MISSED', met }
}

/** The figures of a contestant over its rounds. */
export function figuresOf(outcome, figure) {
  if (outcome.absent !== undefined) return { absent: outcome.absent }
  return spread(outcome.rounds.map((round) => round[figure]))
}

/**
 * One row for each contestant of a table: its own figures and, for those with a peer's part, what the subject
 * is compared with it. `limits` maps names of peers to their limit or undefined.
 */
export function rowsAgainst(subjectName, outcomes, figure, limits) {
  const subject = outcomes.get(subjectName)
  return [...outcomes].map(([contestant, outcome]) => ({
    contestant,
    ...figuresOf(outcome, figure),
    ...(contestant === subjectName
      ? { isSubject: true }
      : { against: compare(subject, outcome, figure, limits[contestant]) }),
  }))
}

function sayLimit({ atLeast, atMost, unit = '×' }) {
  return atLeast === undefined ? `≤ ${atMost}${unit}` : `≥ ${atLeast}${unit}`
}
