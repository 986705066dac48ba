import { moveStretch, readPlacement, shardMapToJson, unpackShardMap } from '@pgherd/core/sharding'
import type pg from 'pg'
import { expect, test } from 'vitest'
import type { Herd } from '../../src/index.js'
import {
  ask,
  becomeWhole,
  connect,
  failureOf,
  kindsOf,
  newStateDir,
  open,
  type Scratch,
  secretsOf,
  specOf,
  supervise,
  until,
  wholeHerd,
} from './scratch-herds.js'

const TIMEOUT = { timeout: 240_000 }
const TABLES = 'tables: { users: { key: id }, products: { kind: reference } }'
const SHARDED = `
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 1 }]
sharding: { strategy: modulo, groups: [s1, s2], ${TABLES} }
`

interface Row {
  epoch: string
  fenced_epoch: string
  map: unknown
  stretches: Buffer
  tables: unknown
  groups: { name: string; nodes: string[] }[]
  home: string
  this_group: string
}

async function rowOf(herd: Herd, node: string): Promise<Row> {
  const [row] = await ask<Row>(herd, node, 'select * from pgherd.placement')
  return row as Row
}

async function epochsOf(herd: Herd, nodes = ['home-1', 's1-1', 's2-1']): Promise<string[]> {
  return Promise.all(
    nodes.map(async (node) => {
      const { epoch, fenced_epoch } = await rowOf(herd, node)
      return `${epoch} ${fenced_epoch}`
    }),
  )
}

/** The next map of a herd over the shards s1 and s2: what s1 has of it goes to s2. */
function nextMap({ herd }: Scratch) {
  const placement = herd.placement()
  if (placement === null) throw new Error('no placement')
  return moveStretch(placement.map, { from: 0n, to: null, owner: 's2' })
}

async function enter(client: pg.Client, epoch: number, group: string): Promise<string> {
  return client.query('select pgherd.enter($1, $2)', [epoch, group]).then(
    () => 'in',
    (error: pg.DatabaseError) => `${error.code} ${error.message}`,
  )
}

test(
  'every group of a sharded herd has the placement, and the next start finds it there',
  TIMEOUT,
  async () => {
    const scratch = await wholeHerd(SHARDED)
    const { herd, stateDir, spec } = scratch
    for (const [node, group] of [
      ['home-1', 'home'],
      ['s1-1', 's1'],
      ['s2-1', 's2'],
    ] as const) {
      const row = await rowOf(herd, node)
      const { thisGroup, ...placement } = readPlacement(row)
      expect(thisGroup).toBe(group)
      expect(placement).toEqual(herd.placement())
      expect(row).toMatchObject({
        epoch: '1',
        fenced_epoch: '1',
        tables: {
          'public.users': { kind: 'sharded', key: ['id'] },
          'public.products': { kind: 'reference', key: [] },
        },
        home: 'home',
      })
      expect(row.groups.map(({ name, nodes }) => [name, nodes.length])).toEqual([
        ['home', 1],
        ['s1', 1],
        ['s2', 1],
      ])
      expect(JSON.stringify(row)).not.toContain(secretsOf(herd).application)
    }
    expect(shardMapToJson(herd.placement()?.map as never)).toMatchObject({
      shards: ['s1', 's2'],
      starts: ['0', '1'],
    })

    const app = await connect(herd.dsn('s1-1'))
    expect((await app.query('select epoch from pgherd.placement')).rows).toEqual([{ epoch: '1' }])
    await expect(app.query('update pgherd.placement set epoch = 9')).rejects.toThrow(/permission denied/)
    await expect(app.query('drop schema pgherd cascade')).rejects.toThrow(/must be owner/)
    expect(await enter(app, 1, 's1')).toBe('in')
    expect(await enter(app, 2, 's1')).toBe('PH001 this shard is under epoch 1, not 2')
    expect(await enter(app, 1, 's2')).toBe('PH001 this shard is s1, not s2')

    const verifiers = await Promise.all(
      ['home-1', 's1-1', 's2-1'].map((node) =>
        ask<{ rolname: string; rolpassword: string }>(
          herd,
          node,
          'select rolname, rolpassword from pg_authid where rolcanlogin order by 1',
        ),
      ),
    )
    expect(verifiers[0]).toHaveLength(3)
    expect(verifiers[1]).toEqual(verifiers[0])
    expect(verifiers[2]).toEqual(verifiers[0])

    const changedAt = (node: string) => ask(herd, node, 'select xmin::text from pgherd.placement')
    const before = await changedAt('s1-1')
    await herd.leave()
    const adopted = await open(spec, stateDir)
    await becomeWhole(adopted)
    expect(adopted.placement()).toEqual(herd.placement())
    expect(await changedAt('s1-1')).toEqual(before)
    expect(await enter(app, 1, 's1')).toBe('in')
    await adopted.stop()

    const moved = await open({ ...spec, port: 'auto' }, stateDir)
    await becomeWhole(moved)
    expect(moved.placement()?.map).toEqual(herd.placement()?.map)
    expect(kindsOf(moved)).not.toContain('placement-refused')
  },
)

test('addresses are brought up to date under the same epoch', TIMEOUT, async () => {
  const { herd, stateDir, spec } = await wholeHerd(SHARDED)
  const wanted = (await rowOf(herd, 's1-1')).groups
  await ask(
    herd,
    's1-1',
    `update pgherd.placement set groups = jsonb_set(groups, '{0,nodes,0}', '"127.0.0.1:1"')`,
  )
  await herd.leave()
  await becomeWhole(await open(spec, stateDir))
  expect(await rowOf(herd, 's1-1')).toMatchObject({ groups: wanted, epoch: '1' })
})

test('I10: a supervisor killed between one group and the next is carried on after', TIMEOUT, async () => {
  const [spec, stateDir] = [specOf(SHARDED), newStateDir()]
  const first = supervise(spec, stateDir)
  await first.told('whole')
  await first.kill()
  const herd = await open(spec, stateDir)
  await ask(herd, 's2-1', 'drop schema pgherd cascade')
  await ask(herd, 's1-1', 'drop function pgherd.next_id()')
  await herd.leave()
  const next = await open(spec, stateDir)
  await becomeWhole(next)
  expect(await epochsOf(next)).toEqual(['1 1', '1 1', '1 1'])
  const app = await connect(next.dsn('s1-1'))
  expect((await app.query('select pgherd.next_id() > 0 as given')).rows).toEqual([{ given: true }])
})

test(
  'a spec that places rows otherwise is refused, and what the groups know wins over it',
  TIMEOUT,
  async () => {
    const { herd, stateDir } = await wholeHerd(SHARDED)
    await herd.leave()
    const changes: Record<string, string> = {
      'sharding.strategy modulo (the spec now says consistent-hash)': SHARDED.replace(
        'strategy: modulo, ',
        '',
      ),
      'sharding.groups s1, s2 (the spec now says s1)': SHARDED.replace('[s1, s2]', '[s1]'),
      'sharding.tables public.products on every shard; public.users by id (the spec now says public.products on every shard; public.users by email)':
        SHARDED.replace('key: id', 'key: email'),
      'sharding.home home (the spec now says absent)': SHARDED.replace(/sharding:.*\n/, ''),
    }
    for (const [said, yaml] of Object.entries(changes)) {
      const refused = await failureOf(open(specOf(yaml), stateDir))
      expect(refused.code).toBe('SPEC_CHANGED')
      expect(refused.message).toContain(said)
      expect(refused.message).toContain('A change of placement is a move, not an edit.')
    }
    const home = await connect(herd.dsn('home-1', 'superuser'))
    for (const node of ['home-1', 's1-1', 's2-1'])
      await ask(herd, node, `update pgherd.placement set home = 's1'`)
    const disagreeing = await open(specOf(SHARDED), stateDir)
    const refused = await failureOf(disagreeing.whenWhole())
    expect([refused.code, refused.message]).toEqual([
      'SPEC_CHANGED',
      'The herd "scratch" is placed with sharding.home s1 (the spec now says home). A change of placement is a move, not an edit.',
    ])
    expect((await home.query('select 1 as serves')).rows).toEqual([{ serves: 1 }])
  },
)

test(
  'I8: who came under an older map is cut off everywhere, and who comes with it is refused',
  TIMEOUT,
  async () => {
    const groups = '[{ name: home, nodes: 1 }, { name: s1, nodes: 2 }, { name: s2, nodes: 1 }]'
    const scratch = await wholeHerd(SHARDED.replace(/groups: .*/, `groups: ${groups}`))
    const { herd } = scratch
    const nodes = ['home-1', 's1-1', 's1-2', 's2-1']
    const held = await Promise.all(nodes.map((node) => connect(herd.dsn(node))))
    for (const [index, client] of held.entries())
      expect(await enter(client, 1, (nodes[index] as string).replace(/-.$/, ''))).toBe('in')
    const busy = (held[1] as pg.Client)
      .query('select pg_sleep(100)')
      .catch((error: pg.DatabaseError) => error.code)

    const map = nextMap(scratch)
    await herd.changePlacement({ map })
    expect(await busy).toBe('57P01')
    for (const client of held) await expect(client.query('select 1')).rejects.toThrow()
    for (const [index, node] of nodes.entries()) {
      const group = (nodes[index] as string).replace(/-.$/, '')
      const client = await connect(herd.dsn(node))
      expect(await enter(client, 1, group)).toBe('PH001 this shard is under epoch 2, not 1')
      expect(await enter(client, 2, group)).toBe('in')
      const row = await rowOf(herd, node)
      expect(unpackShardMap(row.map, row.stretches)).toEqual(map)
    }
    const told = herd.events.recent().filter(({ kind }) => kind === 'placement-changed')
    expect(told[0]?.group).toBe('s1')
    expect(told.map(({ group }) => group).sort()).toEqual(['home', 's1', 's2'])
    expect(herd.placement()?.map).toEqual(map)

    // A standby that was away may have let in somebody by an older row before it caught up.
    await herd.disturb('s1-2', 'kill')
    await becomeWhole(herd)
    const late = await connect(herd.dsn('s1-2'))
    expect(await enter(late, 2, 's1')).toBe('in')

    expect((await failureOf(herd.changePlacement({ map: { ...map, epoch: 7 } }))).code).toBe(
      'SHARD_MAP_INVALID',
    )
    await herd.changePlacement({ map })
    expect(await enter(late, 2, 's1')).toBe('in')
  },
)

test.each([
  ['before the first group', async () => {}],
  [
    'after the row of the group that loses something',
    async (herd: Herd) => {
      await copyRow(herd, 's1-1', 1)
    },
  ],
  [
    'after the row and the fence of that group',
    async (herd: Herd) => {
      await copyRow(herd, 's1-1', 2)
    },
  ],
])('I8: a change that was cut off %s is finished', TIMEOUT, async (_, cutOff) => {
  const scratch = await wholeHerd(SHARDED)
  const { herd, stateDir, spec } = scratch
  const map = nextMap(scratch)
  const held = await connect(herd.dsn('s1-1'))
  const next = { herd, map }
  await prepareRow(next)
  await cutOff(herd)
  if (_ !== 'before the first group') {
    await herd.leave()
    const again = await open(spec, stateDir)
    await becomeWhole(again)
    expect(await epochsOf(again)).toEqual(['2 2', '2 2', '2 2'])
    expect(again.placement()?.map).toEqual(map)
    return
  }
  await herd.changePlacement({ map })
  await herd.changePlacement({ map })
  await expect(held.query('select 1')).rejects.toThrow()
  expect(await epochsOf(herd)).toEqual(['2 2', '2 2', '2 2'])
})

const packed = new WeakMap<Herd, string>()

async function prepareRow({ herd, map }: { herd: Herd; map: ReturnType<typeof nextMap> }): Promise<void> {
  const { packShardMap } = await import('@pgherd/core/sharding')
  const { head, stretches } = packShardMap(map)
  packed.set(
    herd,
    `epoch = 2, map = '${JSON.stringify(head)}', stretches = '\\x${Buffer.from(stretches).toString('hex')}'`,
  )
}

/** The row as a change leaves it on one group, and how far its fence got. */
async function copyRow(herd: Herd, node: string, fenced: number): Promise<void> {
  await ask(herd, node, `update pgherd.placement set ${packed.get(herd)}, fenced_epoch = ${fenced}`)
}

test(
  'a session that a change cannot end, and a prepared transaction, keep it from being done',
  TIMEOUT,
  async () => {
    const scratch = await wholeHerd(
      `postgres: { settings: { shared_buffers: 16MB, max_prepared_transactions: 5 } }\n${SHARDED}`,
    )
    const { herd } = scratch
    const writer = await connect(herd.dsn('s1-1'))
    await writer.query('create table users (id int)')
    await writer.query('begin; insert into users values (1)')
    await writer.query(`prepare transaction 'left over'`)
    const map = nextMap(scratch)
    const refused = await failureOf(herd.changePlacement({ map }))
    expect(refused.message).toContain('the prepared transaction "left over"')
    expect(await epochsOf(herd)).toEqual(['1 1', '2 1', '1 1'])
    await ask(herd, 's1-1', 'select 1')
    // The supervisor goes on ending sessions there, so that it can go on with the change.
    const undo = async () => (await connect(herd.dsn('s1-1'))).query(`rollback prepared 'left over'`)
    await until('it is rolled back', () => undo().catch(() => null))
    await herd.changePlacement({ map })
    expect(await epochsOf(herd)).toEqual(['2 2', '2 2', '2 2'])
    await until('the herd is whole', () => herd.isWhole())
  },
)

test(
  'a database in another encoding, and one whose schema "pgherd" is somebody else\'s, is refused',
  TIMEOUT,
  async () => {
    const one = 'groups: [{ nodes: 1 }]\nsharding: { groups: [main], home: main }'
    const { herd, stateDir, spec } = await wholeHerd(one)
    await herd.leave()
    const admin = await connect(herd.dsn('main-1', 'superuser').replace('/scratch', '/postgres'))
    await admin.query('drop database scratch with (force)')
    await admin.query(
      `create database scratch encoding 'LATIN1' template template0 locale 'C' locale_provider libc owner app`,
    )
    const latin = await open(spec, stateDir)
    expect(await failureOf(latin.whenWhole())).toMatchObject({
      code: 'NOT_SUPPORTED',
      message: 'The database of group main is encoded in LATIN1, and shards must be in UTF8.',
    })
    await latin.leave()
    await admin.query('drop database scratch with (force)')
    await admin.query('create database scratch owner app')
    await (await connect(herd.dsn('main-1'))).query('create schema pgherd')
    const foreign = await open(spec, stateDir)
    expect(await failureOf(foreign.whenWhole())).toMatchObject({
      code: 'NOT_SUPPORTED',
      message: 'In group main there is a schema "pgherd" of the role app, where the placement has to be.',
    })
  },
)

test(
  'I8: while a node hangs a change is not done, and it is finished by itself once the node goes on',
  TIMEOUT,
  async () => {
    const scratch = await wholeHerd(
      SHARDED.replace('count: 2, nodes: 1', 'count: 2, nodes: 2, durability: fast'),
    )
    const { herd } = scratch
    const held = await connect(herd.dsn('s1-2'))
    expect(await enter(held, 1, 's1')).toBe('in')
    await herd.disturb('s1-2', 'pause')
    const map = nextMap(scratch)
    const refused = await failureOf(herd.changePlacement({ map }))
    expect([refused.code, refused.message]).toEqual([
      'OPERATION_FAILED',
      expect.stringMatching(/^s1-2 of s1 could not be asked about its placement: /),
    ])
    expect(await epochsOf(herd)).toEqual(['1 1', '2 1', '1 1'])
    expect(herd.isWhole()).toBe(false)
    await herd.disturb('s1-2', 'resume')
    await becomeWhole(herd)
    expect(await epochsOf(herd)).toEqual(['2 2', '2 2', '2 2'])
    await expect(held.query('select 1')).rejects.toThrow()
  },
)
