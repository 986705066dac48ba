// Reads rows in an order by a cursor, in a process of its own, so that its memory is that of the reading alone.
import { createPool } from '@pgherd/client'
import Cursor from 'pg-cursor'

const ROWS_A_READ = 1000
const MIB = 2 ** 20
const { DSN, TEXT } = process.env

const pool = createPool({ nodes: [DSN] })
const client = await pool.connect()
// What is loaded and compiled once is no part of what a read takes.
await readAll('select id, name from events order by id limit 20000')
const before = process.memoryUsage().rss
let most = before
const startedAt = performance.now()
let firstMs = 0
const rows = await readAll(TEXT, (count) => {
  if (count === 0) firstMs = performance.now() - startedAt
  most = Math.max(most, process.memoryUsage.rss())
})
const ms = performance.now() - startedAt
console.log(JSON.stringify({ rows, ms, firstMs, grownMib: (most - before) / MIB }))
client.release()
await pool.end()

async function readAll(text, heard = () => {}) {
  const cursor = client.query(new Cursor(text, [], { rowMode: 'array' }))
  let count = 0
  let last = -1
  for (;;) {
    const some = await cursor.read(count === 0 ? 1 : ROWS_A_READ)
    heard(count)
    if (some.length === 0) return count
    for (const [id] of some) {
      if (Number(id) <= last) throw new Error(`${id} comes behind ${last}`)
      last = Number(id)
    }
    count += some.length
  }
}
