import { planStatement } from '@pgherd/core/routing'
import { judgeStatement, loadParser, readCatalogue, StatementReader } from '@pgherd/core/sql'
import { judged } from '../../judge.mjs'

/** Texts under 200 bytes as applications send them, with values in parameters and as literals. */
const TEXTS = [
  () => 'select * from users where id = $1',
  () =>
    'select o.id, o.total, u.name from orders o join users u on u.id = o.user_id where o.user_id = $1 order by o.id desc limit 20',
  () => 'insert into orders (user_id, total, note) values ($1, $2, $3) returning id',
  () => 'update inventory set stock = stock - $2 where product_id = $1 and stock >= $2',
  () => `/* controller:users,action:show */ select "users".* from "users" where "users"."id" = $1 limit 1`,
  (n) => `select * from users where id = ${n}`,
  (n) => `select name, price from products where category = 'c${n % 50}' and price < ${n}.5 order by name`,
]
const LIMIT_US = 2
const BATCH = 1000
const BATCHES = 300
const SHAPES = 20_000

/**
 * What routing alone costs: the shape of a text, its facts from the cache and the plan, with no connection.
 * Texts are timed in batches, since one takes less than what the clock can tell.
 */
export const routing = {
  nodes: 0,
  async measure() {
    await loadParser()
    const { shapes, bytesEach, firstUs } = fillCache()
    return [
      {
        title: 'routing alone, texts under 200 bytes: median of a statement',
        unit: 'us',
        comparedAs: '',
        rows: TEXTS.map((text) => {
          const median = timeOf(text)
          const against = { ...judged(median, { atMost: LIMIT_US, unit: ' us' }), value: null }
          return { contestant: text(7).slice(0, 60), ...alone(median), against }
        }),
      },
      {
        title: `a cache of shapes, after ${SHAPES} different ones`,
        unit: '',
        comparedAs: '',
        rows: [
          { contestant: 'shapes it holds', ...alone(shapes) },
          { contestant: 'bytes a shape takes, by its own estimate', ...alone(bytesEach) },
          { contestant: 'first sight of a shape, which is parsed: us', ...alone(firstUs) },
        ],
      },
    ]
  },
}

function alone(median) {
  return { median, min: median, max: median }
}

function timeOf(text) {
  const reader = new StatementReader()
  const catalogue = readCatalogue([])
  const judgements = new WeakMap()
  const route = (each) => {
    const { facts } = reader.factsOf(each)
    if (!judgements.has(facts)) judgements.set(facts, judgeStatement(facts, catalogue))
    return planStatement(judgements.get(facts), 'session', 'main')
  }
  let number = 0
  const times = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const texts = Array.from({ length: BATCH }, () => text(number++))
    const startMs = performance.now()
    for (const each of texts) route(each)
    times.push((performance.now() - startMs) * (1000 / BATCH))
  }
  return times.sort((a, b) => a - b)[BATCHES / 2]
}

function fillCache() {
  const reader = new StatementReader()
  const startMs = performance.now()
  for (let at = 0; at < SHAPES; at++)
    reader.factsOf(`select a, b, c from table_${at} where id = $1 and x > $2`)
  const firstUs = ((performance.now() - startMs) * 1000) / SHAPES
  const { shapeBytes, shapes } = reader.stats
  return { shapes, bytesEach: shapeBytes / shapes, firstUs }
}
