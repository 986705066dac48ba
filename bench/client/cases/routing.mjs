/**
 * What routing alone costs: the shape of a text, its facts from the cache and the plan, with no connection.
 *
 * To be measured, in one process and after a warm-up, over texts under 200 bytes as applications send them
 * (values in parameters, values as literals, a join, an insert of a few columns, a comment before the
 * statement): the median time of one statement, whose limit is 2 us, timed in batches since one is shorter
 * than what the clock can tell. Beside it the bytes the cache of shapes holds, full, over its number of
 * shapes; and, without a limit, the first sight of a shape, which is parsed.
 *
 * Not written yet, for it needs what `@pgherd/core/sql` and `@pgherd/core/routing` will export: until then
 * this says so, and its limit counts as not met.
 */
export const routing = {
  nodes: 0,
  async measure() {
    const absent = 'to be written once @pgherd/core/sql and @pgherd/core/routing are there'
    const row = (contestant, limit) => ({
      contestant,
      absent,
      against: {
        value: null,
        limit,
        verdict: limit === null ? '' : 'NOT MEASURED',
        met: limit === null,
      },
    })
    return [
      {
        title: 'routing alone, texts under 200 bytes',
        unit: 'us',
        rows: [
          row('shape, facts from the cache, plan: median', '≤ 2 us'),
          row('memory of a full cache of shapes', null),
        ],
      },
    ]
  },
}
