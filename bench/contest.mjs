/**
 * Lets contestants take turns: every round each runs once, a different one first each time, so that whatever
 * else the machine does hits all alike. A round zero warms up and is not counted. `play` runs one turn and
 * resolves to its figures.
 *
 * A contestant has a name, `open`, `kill` (at once, after a failure) and `close`; or a name and `absent`: why
 * it cannot take part.
 *
 * Resolves to a map from each name to `{ rounds }` or, when it could not take part, `{ absent }`: why not.
 */
export async function contest(entries, rounds, play) {
  const outcomes = new Map(entries.map(({ name, absent }) => [name, absent ? { absent } : { rounds: [] }]))
  const entered = entries.filter(({ absent }) => !absent)
  let contestants = entered
  const attempt = async (contestant, work) => {
    try {
      await work()
    } catch (error) {
      outcomes.set(contestant.name, { absent: error.message })
      contestant.kill()
      contestants = contestants.filter((each) => each !== contestant)
    }
  }
  try {
    for (const contestant of entered) await attempt(contestant, () => contestant.open())
    for (let round = 0; round <= rounds; round++) {
      const first = round % Math.max(1, contestants.length)
      for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
        await attempt(contestant, async () => {
          const figures = await play(contestant)
          if (round > 0) outcomes.get(contestant.name).rounds.push(figures)
        })
      }
    }
  } finally {
    await Promise.all(entered.map((each) => each.close()))
  }
  return outcomes
}
