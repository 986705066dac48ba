import pg from 'pg'
import { READ } from '../statements.mjs'

/**
 * One or a few `pg.Client`, nothing between the caller and them. One alone is the least a single caller can
 * wait; several in pipeline mode, their statements prepared, are the most a pool of lanes could reach: what a
 * smart pool loses to that is its own cost.
 */
export async function open({ url, connections = 1, pipeline = false, named = false }) {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString: url, pipeline })
      client.on('error', () => {})
      await client.connect()
      return client
    }),
  )
  let turn = 0
  return {
    async read(id) {
      const client = clients[turn++ % clients.length]
      const { rows } = await client.query(
        named ? { name: 'read', text: READ, values: [id] } : { text: READ, values: [id] },
      )
      return rows[0]
    },
    inSession: (work) => work(),
    close: () => Promise.all(clients.map((client) => client.end())),
  }
}
