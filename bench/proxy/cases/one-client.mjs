import { addedTo, figuresOf } from '../../judge.mjs'
import { compete, DIRECT, SUBJECT } from '../field.mjs'
import { pgbenchTurn } from '../turn.mjs'

const LIMIT = { atMost: 60, unit: ' us' }

/** How much longer than directly a single client waits for a row. */
export const oneClient = {
  nodes: 3,
  async measure(given) {
    const { seconds, scratch } = given
    const outcomes = await compete(
      given,
      { clients: 1 },
      pgbenchTurn({ clients: 1, seconds, logIn: scratch.dir }),
    )
    return [
      { figure: 'medianUs', title: 'median', limits: { [SUBJECT]: LIMIT } },
      { figure: 'p99Us', title: '99th percentile', limits: {} },
    ].map(({ figure, title, limits }) => ({
      title: `select-only, simple protocol, 1 client: ${title}`,
      unit: 'us',
      comparedAs: 'added to direct',
      rows: [...outcomes].map(([contestant, outcome]) => ({
        contestant,
        ...figuresOf(outcome, figure),
        ...(contestant === DIRECT
          ? {}
          : { against: addedTo(outcomes.get(DIRECT), outcome, figure, ' us', limits[contestant]) }),
      })),
    }))
  },
}
