import { ADD, READ, SLEEP } from '../statements.mjs'

/**
 * `@pgherd/client` as its users write it: the same calls, texts and number of connections as `pg.Pool`.
 * With `perCaller` each caller is a session of its own; without, the whole pool is one.
 */
export async function open({ nodes, consistency, perCaller = false }) {
  const { createPool } = await import('@pgherd/client')
  const pool = createPool({ nodes, max: 16, ...(consistency === undefined ? {} : { consistency }) })
  const ask = async (on, text, id) => (await on.query(text, [id])).rows[0]
  return {
    read: (id) => ask(pool, READ, id),
    add: (id) => ask(pool, ADD, id),
    one: (text, id) => ask(pool, text, id),
    sleep: () => pool.query(SLEEP),
    transact: (ids, writes) =>
      pool.transaction(async (tx) => {
        await ask(tx, READ, ids[0])
        await ask(tx, writes ? ADD : READ, ids[1])
        await ask(tx, READ, ids[2])
      }),
    inSession: (work) => (perCaller ? pool.session(work) : work()),
    close: () => pool.end(),
  }
}
