import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readNotifications, receiveEvent } from '../../src/notifications/receive-event.js'
import { Deliverer } from '../../src/outbox/deliverer.js'
import { postEvents } from '../../src/outbox/post-event.js'
import { addAddress } from '../../src/users/add-address.js'
import { changeProfile } from '../../src/users/change-profile.js'
import { registerUser } from '../../src/users/register-user.js'
import { firstArrivals, openReceiver, type Receiver } from './receiver.js'
import { openScratchUsers, type ScratchUsers, SHARDS, somebody } from './scratch-users.js'

const DELIVER = fileURLToPath(new URL('../../dist/deliver-main.js', import.meta.url))
const PATIENCE_MS = 30_000
const ADDRESS = { street: 'Rua 1', postalCode: '1000', city: 'Lisbon', country: 'PT' }

let scratch: ScratchUsers
let receiver: Receiver
const deliverers: Deliverer[] = []
const processes: ChildProcess[] = []
let people = 0

beforeAll(async () => {
  scratch = await openScratchUsers('users-outbox', { s1: 2 })
}, 120_000)

afterEach(async () => {
  for (const child of processes.splice(0)) await killHard(child)
  await Promise.all(deliverers.splice(0).map((deliverer) => deliverer.close()))
  await receiver?.close()
})

afterAll(() => scratch?.close())

function deliver(): Deliverer {
  const { pool, login } = scratch
  const deliverer = new Deliverer({ pool, login, send: postEvents(receiver.url), tell: () => {} })
  deliverers.push(deliverer)
  return deliverer
}

function spawnDeliverer(): ChildProcess {
  const child = spawn(process.execPath, [DELIVER, '--to', receiver.url, '--dsn', scratch.herd.dsn()], {
    stdio: 'ignore',
  })
  processes.push(child)
  return child
}

async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Users with as many events each, the last ones written while others are delivered. */
async function live(users: number, events: number): Promise<string[]> {
  const ids = await Promise.all(
    Array.from({ length: users }, () => registerUser(scratch.pool, somebody(`outbox-${people++}`))),
  )
  await Promise.all(
    ids.map(async (id) => {
      for (let at = 1; at < events; at++)
        if (at % 2 === 0) await addAddress(scratch.pool, id, ADDRESS)
        else await changeProfile(scratch.pool, id, { city: `Town ${at}` })
    }),
  )
  return ids
}

async function whenArrived(ids: readonly string[], events: number): Promise<void> {
  const arrived = () => {
    const seqs = firstArrivals(receiver.arrivals)
    return ids.filter((id) => seqs.get(id)?.length === events).length
  }
  await expect.poll(arrived, { timeout: PATIENCE_MS, interval: 50 }).toBe(ids.length)
}

function expectInOrder(ids: readonly string[], events: number): void {
  const seqs = firstArrivals(receiver.arrivals)
  const inOrder = Array.from({ length: events }, (_, at) => at + 1)
  for (const id of ids) expect(seqs.get(id)).toEqual(inOrder)
}

test('several deliverers, of which one is killed again and again, keep the order of each user', async () => {
  receiver = await openReceiver(2)
  deliver()
  deliver()
  const living = live(16, 15)
  for (let kills = 0; kills < 2; kills++) {
    const child = spawnDeliverer()
    await expect.poll(() => isConnected(), { timeout: PATIENCE_MS, interval: 10 }).toBe(true)
    await killHard(child)
  }
  const ids = await living
  await whenArrived(ids, 15)
  expectInOrder(ids, 15)
})

/** Whether the deliverer of another process has come to a shard, beside the two of this one. */
async function isConnected(): Promise<boolean> {
  const [row] = await scratch.ask(
    's2',
    `select count(*)::int as n from pg_stat_activity where application_name = 'ecomarket-outbox'`,
  )
  return (row?.n as number) >= 3
}

test('what was sent and not noted when its deliverer was killed is sent again, and told once', async () => {
  receiver = await openReceiver(300)
  const ids = await live(8, 1)
  const child = spawnDeliverer()
  await expect.poll(() => receiver.arrivals.length, { timeout: PATIENCE_MS, interval: 5 }).toBeGreaterThan(0)
  await killHard(child)
  const before = receiver.arrivals.length
  deliver()
  await expect
    .poll(() => receiver.arrivals.length, { timeout: PATIENCE_MS, interval: 50 })
    .toBeGreaterThanOrEqual(before + 1)
  await whenArrived(ids, 1)
  // The consumer leaves out what it has had, by the id of the event.
  const [event] = receiver.arrivals
  if (event === undefined) throw new Error('Nothing arrived.')
  expect(await receiveEvent(scratch.pool, event)).toBe(true)
  expect(await receiveEvent(scratch.pool, event)).toBe(false)
  expect(await readNotifications(scratch.pool, event.userId)).toEqual([
    { eventId: event.id, seq: 1, text: expect.stringContaining('Welcome') },
  ])
})

test('an event that is refused holds up its user and nobody else', async () => {
  receiver = await openReceiver()
  const [first, ...others] = await live(6, 4)
  receiver.refuse = ({ userId, seq }) => userId === first && seq === 2
  deliver()
  await whenArrived(others, 4)
  expect(firstArrivals(receiver.arrivals).get(first as string)).toEqual([1])
  receiver.refuse = () => false
  await whenArrived([first as string], 4)
  expectInOrder([first as string, ...others], 4)
})

test('I1: a failover of a shard in the middle loses no event and no order', async () => {
  receiver = await openReceiver(1)
  deliver()
  deliver()
  const pool = scratch.pool
  const one = await scratch.registerOn('s1')
  const acknowledged: string[] = []
  const writing = (async () => {
    for (let at = 0; at < 20; at++) acknowledged.push(await patiently(() => addAddress(pool, one, ADDRESS)))
  })()
  await expect.poll(() => acknowledged.length, { timeout: PATIENCE_MS, interval: 5 }).toBeGreaterThan(5)
  const killed = scratch.herd.primaryOf('s1')?.name as string
  await scratch.herd.disturb(killed, 'kill')
  await writing
  expect(scratch.herd.primaryOf('s1')?.name).toBeDefined()
  await whenArrived([one], 21)
  expectInOrder([one], 21)
  expect(new Set(acknowledged).size).toBe(20)
})

/** A failover may take longer than the pool of the tests waits. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
    }
  }
}

test('events of other shards are delivered while one does not answer, and its own afterwards', async () => {
  receiver = await openReceiver()
  const ids = await Promise.all(SHARDS.map((shard) => scratch.registerOn(shard)))
  const others = ids.filter((id) => scratch.shardOf(id) !== 's3')
  await scratch.herd.disturb('s3-1', 'pause')
  try {
    deliver()
    await whenArrived(others, 1)
    const arrived = firstArrivals(receiver.arrivals)
    expect(ids.filter((id) => !others.includes(id) && arrived.has(id))).toEqual([])
  } finally {
    await scratch.herd.disturb('s3-1', 'resume')
  }
  await whenArrived(ids, 1)
})
