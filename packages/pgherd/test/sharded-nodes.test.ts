import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from '@pgherd/client'
import type { GroupStatus } from '@pgherd/core'
import pg from 'pg'
import { expect, test } from 'vitest'
import { done, newFolder, nodesOf, SPEC, statusOf, until, whenWhole } from './scratch-cli.js'

const SHARDED = `${SPEC}groups: [{ name: home, nodes: 2 }, { name: s, count: 1, nodes: 2 }]
sharding: { home: home, groups: [home, s1], tables: { users: { key: id } } }
`

/** What is asked, of a pool or of the proxy. */
type Ask = (text: string, values?: unknown[]) => Promise<{ rows: Record<string, unknown>[] }>

/** Writes and reads all the time: at home, on shards, over all of them, and in the federation. */
class Load {
  readonly acknowledged: number[] = []
  readonly failures: unknown[] = []
  readonly wrong: string[] = []
  #isOver = false
  readonly #all: Promise<void>[]

  constructor(asks: readonly Ask[]) {
    this.#all = asks.map((ask, at) => this.#run(ask, at, asks.length))
  }

  async #run(ask: Ask, first: number, step: number): Promise<void> {
    for (let [id, written] = [first, 0]; !this.#isOver; id += step) {
      try {
        await ask('insert into users values ($1, $2)', [id, `user ${id}`])
        await ask('insert into notes values ($1)', [id])
        this.acknowledged.push(id)
        await this.#look(ask, id, ++written)
      } catch (error) {
        this.failures.push(error)
        // Where that was the end of a connection, what follows is another session.
        written = 0
      }
      await sleep(5)
    }
  }

  /** A session sees all that it has written. */
  async #look(ask: Ask, id: number, written: number): Promise<void> {
    const one = await ask('select name from users where id = $1', [id])
    if (one.rows[0]?.name !== `user ${id}`) this.wrong.push(`there is no user ${id}`)
    for (const from of ['users', 'users join notes using (id)']) {
      const { rows } = await ask(`select count(*)::int as n from ${from}`)
      if (Number(rows[0]?.n) < written) this.wrong.push(`of ${written} in ${from}: ${rows[0]?.n}`)
    }
  }

  async more(count: number): Promise<void> {
    const from = this.acknowledged.length
    await until('writes go on', () => this.acknowledged.length >= from + count)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#all)
  }
}

test('a sharded herd: standbys of a shard and of home come and go under load, and everybody knows', {
  timeout: 300_000,
}, async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), SHARDED)
  await done(['up', '--detach'], { cwd })
  const dsn = async (...args: string[]): Promise<string> => (await done(['dsn', ...args], { cwd })).trim()
  const pool = createPool({
    nodes: [await dsn('home-1'), await dsn('home-2')],
    supervisor: join(cwd, '.pgherd/scratch/control.sock'),
  })
  const proxied = new pg.Pool({ connectionString: await dsn('--proxy'), max: 1, idleTimeoutMillis: 0 })
  proxied.on('error', () => {})
  const asks: Ask[] = [
    (text, values) => pool.query(text, values),
    (text, values) => proxied.query(text, values),
  ]
  await pool.query('create table users (id bigint primary key, name text)')
  await pool.query('create table notes (id bigint primary key)')
  const load = new Load(asks)
  await load.more(10)

  for (const group of ['s1', 'home']) {
    await done(['node', 'add', group], { cwd })
    await done(['node', 'remove', `${group}-2`, '--yes'], { cwd })
    await load.more(5)
    expect(load.failures.map(String)).toEqual([])
    const names = Object.keys(await nodesOf(cwd)).filter((name) => name.startsWith(group))
    expect(names).toEqual([`${group}-1`, `${group}-3`])
    for (const { name, nodes } of (await statusOf(cwd)).groups)
      await expectPlacement(cwd, name, await dsn(primaryOf(nodes), '--superuser'))
    await expectFederation(cwd, await dsn('home-1', '--superuser'))

    // Only who has learnt of the new one can go on; what was under way may be reported as not known.
    await done(['chaos', 'kill', `${group}-1`], { cwd })
    await load.more(10)
    const { groups } = await statusOf(cwd)
    expect(primaryOf(groups.find(({ name }) => name === group)?.nodes ?? [])).toBe(`${group}-3`)
    await whenWhole(cwd)
    await load.more(5)
    load.failures.length = 0
  }
  await load.stop()
  expect(load.wrong).toEqual([])
  for (const ask of asks) {
    const { rows } = await ask('select u.id::int as id from users u join notes n on n.id = u.id')
    const there = new Set(rows.map(({ id }) => id))
    expect(load.acknowledged.filter((id) => !there.has(id))).toEqual([])
    expect(there.size).toBe(rows.length)
  }
  await Promise.all([pool.end(), proxied.end()])
})

function primaryOf(nodes: GroupStatus['nodes']): string {
  return nodes.find(({ role }) => role === 'primary')?.name ?? 'none'
}

/** By group, `host:port` of all its nodes. */
async function addressesIn(cwd: string): Promise<{ name: string; nodes: string[] }[]> {
  const { groups } = await statusOf(cwd)
  return groups.map(({ name, nodes }) => ({ name, nodes: nodes.map(({ host, port }) => `${host}:${port}`) }))
}

/** What a group has of the shard map names the nodes that there are. */
async function expectPlacement(cwd: string, group: string, primary: string): Promise<void> {
  const wanted = JSON.stringify(await addressesIn(cwd))
  await until(`${group} knows all nodes`, async () => {
    const [row] = await rowsOf(primary, 'select groups from pgherd.placement')
    return JSON.stringify(row?.groups) === wanted
  })
}

/** Well before the federation is looked at anyway. */
const AT_ONCE_MS = 30_000

/** So do the foreign servers of the federation, since nodes came or went a moment ago. */
async function expectFederation(cwd: string, home: string): Promise<void> {
  const wanted = (await addressesIn(cwd))
    .map(({ name, nodes }) => `${name} ${nodes.map((node) => node.split(':')[1]).join(',')}`)
    .sort()
  const federation = new URL(home)
  federation.pathname = `${federation.pathname}_herd`
  const beganMs = performance.now()
  await until('the federation knows all nodes', async () => {
    const servers = await rowsOf(
      federation.href,
      `select srvname || ' ' || option_value as server
       from pg_foreign_server, pg_options_to_table(srvoptions) where option_name = 'port' order by 1`,
    )
    return JSON.stringify(servers.map(({ server }) => server)) === JSON.stringify(wanted)
  })
  expect(performance.now() - beganMs).toBeLessThan(AT_ONCE_MS)
}

async function rowsOf(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}
