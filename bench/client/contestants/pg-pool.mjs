import pg from 'pg'
import { ADD, READ, SLEEP } from '../statements.mjs'

/**
 * `pg.Pool` as its users write it: a text and values, which it parses anew each time. With `named` every
 * statement of the fast path has a name, which makes it a prepared statement of its connection.
 */
export function open({ url, named = false }) {
  const pool = new pg.Pool({ connectionString: url, max: 16 })
  pool.on('error', () => {})
  const ask = (on, name, text, id) =>
    on.query(named ? { name, text, values: [id] } : { text, values: [id] }).then(({ rows }) => rows[0])
  const read = (id, on = pool) => ask(on, 'read', READ, id)
  const add = (id, on = pool) => ask(on, 'add', ADD, id)
  return {
    read: (id) => read(id),
    add: (id) => add(id),
    one: (text, id) => ask(pool, text, text, id),
    sleep: () => pool.query(SLEEP),
    /** `begin`, three statements, `commit`. */
    async transact(ids, writes) {
      const client = await pool.connect()
      try {
        await client.query('begin')
        await read(ids[0], client)
        await (writes ? add : read)(ids[1], client)
        await read(ids[2], client)
        await client.query('commit')
      } finally {
        client.release()
      }
    },
    inSession: (work) => work(),
    close: () => pool.end(),
  }
}
