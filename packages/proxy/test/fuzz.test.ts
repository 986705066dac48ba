import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../../../test/random.js'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../../../test/scratch-herd.js'
import { keysOfPassword, readVerifier, type ScramKeys } from '../src/auth/scram-verifier.js'
import { WireProxy } from '../src/index.js'
import { ServerConnection } from '../src/server/server-connection.js'
import { cutAnywhere } from './cut-anywhere.js'
import { hostileArrival, hostileMessage } from './hostile-message.js'

/** Messages in all; `PGHERD_FUZZ_MESSAGES=1000000` for a long run, `PGHERD_FUZZ_SEED` for another one. */
const MESSAGES = Number(process.env.PGHERD_FUZZ_MESSAGES ?? 20_000)
const SEED = Number(process.env.PGHERD_FUZZ_SEED ?? 1)
const AT_ONCE = 12

let herd: Herd
let proxy: WireProxy
let url: URL
/** A login costs milliseconds by a password, and next to nothing by its keys. */
let keys: ScramKeys

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    loginTimeoutMs: 20_000,
    maxServers: 8,
  })
  url = new URL(herd.dsn('main-1'))
  const direct = await connect(url.href)
  await direct.query(
    'create table fuzzed (id serial, note text); create table kept (id int primary key, n int)',
  )
  await direct.query('insert into kept values (1, 0)')
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  const { rows } = await admin.query(`select rolpassword from pg_authid where rolname = 'app'`)
  const { salt, iterations } = readVerifier(rows[0].rolpassword) as NonNullable<
    ReturnType<typeof readVerifier>
  >
  keys = keysOfPassword(decodeURIComponent(url.password), salt, iterations)
  url.port = String(proxy.address.port)
}, 120_000)

afterAll(() => proxy.close())

/** Connections of clients that the proxy holds, by what Linux knows; who has none is not looked at. */
function heldSockets(): number {
  if (process.platform !== 'linux') return 0
  const port = `:${proxy.address.port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  const sockets = lines.map((line) => line.trim().split(/\s+/))
  // 0A listens; without an inode nobody holds it any more.
  return sockets.filter(
    ([, local, , state, , , , , , inode]) => local?.endsWith(port) && state !== '0A' && inode !== '0',
  ).length
}

/** Says it in pieces, then leaves in one way or another. */
async function say(random: Random, socket: net.Socket, messages: Buffer[]): Promise<void> {
  socket.on('error', () => {})
  const gone = new Promise((resolve) => socket.once('close', resolve))
  if (random.chance(0.8)) socket.resume()
  for (const piece of cutAnywhere(random, Buffer.concat(messages))) {
    if (!socket.writable) break
    socket.write(Buffer.from(piece))
    if (random.chance(0.1)) await nextTurn()
  }
  // Some wait for what is said to them; some are gone before.
  if (random.chance(0.5)) await Promise.race([once(socket, 'data').catch(() => {}), gone, nextTurn()])
  if (random.chance(0.3)) socket.end()
  else if (random.chance(0.5)) socket.resetAndDestroy()
  else socket.destroy()
  socket.resume()
  await Promise.race([gone, nextTurn()])
  socket.destroy()
}

async function attackBeforeLogin(random: Random): Promise<number> {
  const socket = net.connect(proxy.address.port, '127.0.0.1')
  const messages = hostileArrival(random)
  await say(random, socket, messages)
  return messages.length
}

async function attackAfterLogin(random: Random): Promise<number> {
  const login = { user: 'app', database: 'scratch', credentials: { keys }, settings: new Map() }
  const address = { host: '127.0.0.1', port: proxy.address.port }
  const { socket } = await ServerConnection.open(address, login, PATIENCE_MS)
  socket.removeAllListeners('data')
  const hostility = random.pick([0, 0.01, 0.1])
  const length = random.pick([3, 30, 300])
  const messages = Array.from({ length }, () => hostileMessage(random, hostility))
  await say(random, socket, messages)
  return messages.length
}

/** Does its work all the while, and knows what it must hear. */
async function work(client: pg.Client, isOver: () => boolean): Promise<number> {
  let round = 0
  while (!isOver()) {
    round++
    const { rows } = await client.query(`select $1::int + 1 as more, 'round ${round}' as text`, [round])
    expect(rows).toEqual([{ more: round + 1, text: `round ${round}` }])
    await client.query('begin')
    await client.query('update kept set n = n + 1 where id = 1')
    await client.query('commit')
    const { rows: kept } = await client.query({
      name: 'kept',
      text: 'select n from kept where id = $1',
      values: [1],
    })
    expect(kept).toEqual([{ n: round }])
    await expect(client.query('select 1/0')).rejects.toMatchObject({ code: '22012' })
  }
  return round
}

test('whatever is said to it: it stays up, forgets who is gone, and others do not notice', {
  timeout: 3_600_000,
}, async () => {
  const client = await connect(url.href)
  await client.query('select 1')
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  let said = 0
  let seed = SEED * 1_000_000
  const attack = async (): Promise<void> => {
    while (said < MESSAGES) {
      const random = new Random(seed++)
      said += await (random.chance(0.2) ? attackBeforeLogin(random) : attackAfterLogin(random))
    }
  }
  const working = work(client, () => said >= MESSAGES)
  await Promise.all(Array.from({ length: AT_ONCE }, attack))
  const rounds = await working
  expect(rounds).toBeGreaterThan(3)
  await until('sessions are forgotten', () => proxy.statistics.clients === 1)
  const sessions = `select count(*)::int as n from pg_stat_activity where usename = 'app' and state <> 'idle'`
  await until('nothing runs on', async () => (await admin.query(sessions)).rows[0].n === 0)
  const backends = async (user: string): Promise<number> =>
    (await admin.query('select count(*)::int as n from pg_stat_activity where usename ~ $1', [user])).rows[0]
      .n
  // Those clients have to themselves and lanes of one tenant; mutated startup packets may have made others.
  expect(await backends('app')).toBeLessThan(40)
  await until('sockets are closed', () => heldSockets() <= 1)
  const { rows: locks } = await admin.query(
    `select count(*)::int as n from pg_locks where locktype = 'advisory'`,
  )
  expect(locks).toEqual([{ n: 0 }])
  expect((await client.query('show work_mem')).rows[0].work_mem).not.toBe('5MB')
  expect((await client.query('show client_encoding')).rows[0].client_encoding).toBe('UTF8')
})
