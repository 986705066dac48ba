import postgres from 'postgres'

/** postgres.js at its defaults but for 16 connections: it prepares every statement and pipelines busy ones. */
export function open({ url }) {
  const sql = postgres(url, { max: 16, onnotice: () => {} })
  const read = async (id, on = sql) => (await on`select * from t where id = ${id}`)[0]
  const add = async (id, on = sql) =>
    (await on`update t set balance = balance + 1 where id = ${id} returning balance`)[0]
  return {
    read: (id) => read(id),
    add: (id) => add(id),
    one: async (text, id) => (await sql.unsafe(text, [id], { prepare: true }))[0],
    sleep: () => sql`select pg_sleep(2)`,
    transact: (ids, writes) =>
      sql.begin(async (tx) => {
        await read(ids[0], tx)
        await (writes ? add : read)(ids[1], tx)
        await read(ids[2], tx)
      }),
    inSession: (work) => work(),
    close: () => sql.end(),
  }
}
