import { contest } from '../../contest.mjs'
import { compare, figuresOf, judged } from '../../judge.mjs'
import { startPgpool } from '../../peers/pgpool.mjs'
import { pgherd, pgPool, pgPoolBehind } from '../entrants.mjs'

const CALLERS = 32
const LIMIT = { atLeast: 1.5 }
const PEER = 'pg.Pool on the primary'
const PGPOOL = 'pg.Pool behind Pgpool-II'

/** Which of the client's promises are measured, and whether the limit is about them. */
const SUBJECTS = [
  { name: 'session, one per caller', more: { perCaller: true }, limit: LIMIT, shows: true },
  { name: 'session, one for the whole pool', more: {}, limit: LIMIT, shows: true },
  { name: 'primary', more: { consistency: 'primary' }, shows: true },
  { name: 'eventual', more: { consistency: 'eventual' }, shows: false },
].map((subject) => ({ ...subject, name: `@pgherd/client, ${subject.name}` }))

/**
 * Nine reads for one write over three nodes, no acknowledged write ever lost. Faster is worth nothing when a
 * caller does not see its own write: that is counted too, and may not happen where it is promised.
 */
export const mix = {
  nodes: 3,
  async measure({ servers: { primary, nodes }, rounds, seconds, withMiddlemen }) {
    return withMiddlemen({ pgpool: startPgpool }, async ({ pgpool }) => {
      const outcomes = await contest(
        [
          pgPool(primary, PEER),
          ...SUBJECTS.map(({ name, more }) => pgherd(nodes, name, more)),
          pgPoolBehind(PGPOOL, pgpool),
        ],
        rounds,
        (contestant) => contestant.run('mix', { callers: CALLERS, seconds }),
      )
      return [
        {
          title: `${CALLERS} callers, nine reads for one write, three nodes, zero-loss`,
          unit: '/s',
          comparedAs: 'of pg.Pool',
          rows: [...outcomes].map(([contestant, outcome]) => ({
            contestant,
            ...figuresOf(outcome, 'perSecond'),
            ...(contestant === PEER ? { isSubject: true } : { against: againstPeer(outcomes, contestant) }),
          })),
        },
        {
          title: 'reads that did not show the own write of their caller, all rounds',
          unit: '',
          rows: [...outcomes].map(([contestant, outcome]) => staleRow(contestant, outcome)),
        },
      ]
    })
  },
}

function againstPeer(outcomes, contestant) {
  const limit = SUBJECTS.find(({ name }) => name === contestant)?.limit
  return compare(outcomes.get(contestant), outcomes.get(PEER), 'perSecond', limit)
}

function staleRow(contestant, outcome) {
  const promised = contestant === PEER || SUBJECTS.find(({ name }) => name === contestant)?.shows === true
  const limit = promised ? { atMost: 0, unit: '' } : undefined
  const count = outcome.rounds?.reduce((sum, { stale }) => sum + stale, 0) ?? null
  return {
    contestant,
    ...(outcome.absent === undefined
      ? { min: count, median: count, max: count }
      : { absent: outcome.absent }),
    against: { ...judged(count, limit), value: null },
  }
}
