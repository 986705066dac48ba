import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { locateKey, locateRow, moduloMap } from '@pgherd/core/sharding'
import { expect, test } from 'vitest'
import { done, newFolder, pgherd, SPEC, until } from './scratch-cli.js'

const TIMEOUT = { timeout: 240_000 }
const SHARDED = `${SPEC}proxy: false
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 1 }]
sharding:
  strategy: modulo
  groups: [s1, s2]
  tables:
    users: { key: id }
    lines: { key: [shop, line] }
    badges: { key: at }
    rates: { kind: reference }
`

function folderWith(spec: string): string {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), spec)
  return cwd
}

test(
  'where rows are is told of a running herd: the map, one key, what each shard holds',
  TIMEOUT,
  async () => {
    const cwd = folderWith(SHARDED)
    await done(['up', '--detach'], { cwd })
    const tell = (...args: string[]): Promise<string> => done(['shard', ...args], { cwd })

    expect(await tell('map')).toBe(
      `Shard map of epoch 1, over remainders of hashes

GROUP  HOLDS   SHARE  STRETCHES
home   home
s1     shard  50.0 %          1
s2     shard  50.0 %          1

TABLE          PLACED
public.badges  by at
public.lines   by shop, line
public.rates   on every shard
public.users   by id
`,
    )
    expect(JSON.parse(await tell('map', '--json'))).toMatchObject({
      epoch: 1,
      line: { kind: 'remainder', modulus: 2 },
      home: 'home',
      stretches: 2,
      groups: [
        { name: 'home', shard: false, home: true, share: null, stretches: 0 },
        { name: 's1', shard: true, home: false, share: 0.5, stretches: 1 },
        { name: 's2', shard: true, home: false, share: 0.5, stretches: 1 },
      ],
      tables: { 'public.rates': { kind: 'reference', key: [] } },
    })

    const { code, stderr } = await pgherd(['shard', 'where', 'users', '7'], { cwd })
    expect([code, stderr.split('\n')[0]]).toEqual([
      2,
      'USAGE: The shard s1 has no table public.users yet, so the type of its key is not known.',
    ])
    for (const node of ['s1-1', 's2-1'])
      await done(
        [
          'sql',
          '--node',
          node,
          `create domain user_id as bigint; create table users (id user_id primary key);
         create table lines (shop uuid, line int, primary key (shop, line));
         create table badges (at timestamptz); create table rates (code text)`,
        ],
        { cwd },
      )
    await done(['sql', '--node', 's2-1', 'insert into users select generate_series(1, 300)'], { cwd })
    await done(['sql', '--node', 's1-1', 'insert into users select generate_series(301, 400)'], { cwd })

    const map = moduloMap(['s1', 's2'])
    for (const key of ['1', '2', '3', '-5', '9007199254740993']) {
      const shard = map.shards[locateKey(map, 'int8', key)]
      expect(JSON.parse(await tell('where', 'users', '--json', '--', key))).toEqual({
        table: 'public.users',
        kind: 'sharded',
        key: { id: key },
        types: ['int8'],
        shard,
        position: shard === 's1' ? '0' : '1',
      })
    }
    const shop = '6f2d9a54-5a0e-4d0d-8f6b-1c9f4c1d2e3f'
    const lines = map.shards[locateRow(map, ['uuid', 'int4'], [shop, 12])]
    expect(await tell('where', 'public.lines', shop, '12')).toBe(
      `public.lines with shop = ${shop}, line = 12 is on ${lines} (position ${lines === 's1' ? 0 : 1}).\n`,
    )
    expect(await tell('where', 'rates')).toBe(
      'public.rates is a reference table: every shard has a full copy (s1, s2).\n',
    )
    for (const [args, sentence] of [
      [
        ['orders', '1'],
        /^USAGE: public\.orders is not placed by a key: it is in the home group, home\.\nThe tables that are: /,
      ],
      [['users'], /^USAGE: public\.users is placed by one column \(id\), and 0 values were given\./],
      [
        ['lines', '1'],
        /^USAGE: public\.lines is placed by 2 columns \(shop, line\), and 1 value was given\./,
      ],
      [['users', 'x'], /^SHARD_KEY_INVALID: A shard key of type int8 cannot be "x"\./],
      [
        ['badges', 'now'],
        /^SHARD_KEY_INVALID: public\.badges\.at is of type timestamptz, which cannot be a shard key/,
      ],
    ] as const) {
      const refused = await pgherd(['shard', 'where', ...args], { cwd })
      expect([refused.code, refused.stdout]).toEqual([2, ''])
      expect(refused.stderr).toMatch(sentence)
    }

    const exact = JSON.parse(await tell('stats', '--exact', '--json'))
    const users = exact.tables.filter(({ table }: { table: string }) => table === 'public.users')
    expect(users).toMatchObject([
      { shard: 's1', kind: 'sharded', rows: 100 },
      { shard: 's2', kind: 'sharded', rows: 300 },
    ])
    expect(exact.imbalance[0]).toMatchObject({ table: 'public.users', fullest: 's2', imbalance: 1.5 })
    const text = await tell('stats')
    expect(text).toMatch(/^SHARD {2}TABLE +~ROWS +BYTES\n/)
    expect(text).toMatch(/s1 +public\.rates \(copy\) /)
    for (const node of ['s1-1', 's2-1']) await done(['sql', '--node', node, 'analyze users'], { cwd })
    expect(await tell('stats')).toMatch(/s2 +public\.users +300 /)
    await done(['sql', '--node', 's2-1', 'drop table rates'], { cwd })
    expect(await tell('stats', '--exact')).toMatch(/s2 +public\.rates \(copy\) +absent\n/)

    const drifted = await pgherd(['shard', 'check'], { cwd })
    expect([drifted.code, drifted.stderr]).toEqual([1, ''])
    expect(drifted.stdout).toContain('Table public.rates is on s1, and is missing on s2.\n')
    expect(drifted.stdout).toMatch(
      /public\.users: \d+ rows are on s2 that it does not own: \d+ \(s1\), .*, …\.\n/,
    )
    expect(drifted.stdout).toMatch(/\n\d+ differences in 4 tables on 2 shards\.\n$/)
    const quick = await pgherd(['shard', 'check', '--no-rows', '--json'], { cwd })
    expect([quick.code, JSON.parse(quick.stdout)]).toEqual([
      1,
      expect.objectContaining({ epoch: 1, rows: false }),
    ])
    expect(JSON.parse(quick.stdout).drift).toContainEqual(
      expect.objectContaining({
        kind: 'schema',
        message: 'Table public.rates is on s1, and is missing on s2.',
      }),
    )
    await done(['sql', '--node', 's2-1', 'create table rates (code text)'], { cwd })
    expect(drifted.stdout).toContain('Type public.user_id is on s1 and s2, and is missing on home.\n')
    for (const text of ['create domain user_id as bigint', 'select pgherd.note_schema_change()'])
      await done(['sql', '--node', 'home-1', text], { cwd })
    await until('the federation has followed', async () => {
      const { drift } = JSON.parse((await pgherd(['shard', 'check', '--no-rows', '--json'], { cwd })).stdout)
      return drift.length === 0
    })
    for (const node of ['s1-1', 's2-1']) await done(['sql', '--node', node, 'truncate users'], { cwd })
    expect(await tell('check')).toBe(
      'No drift: 4 tables on 2 shards and in the federation are alike, and rows are where they belong.\n',
    )

    await done(['down'], { cwd })
    const stopped = await pgherd(['shard', 'map'], { cwd })
    expect([stopped.code, stopped.stderr]).toEqual([1, expect.stringMatching(/^HERD_NOT_RUNNING: /)])

    writeFileSync(join(cwd, 'herd.yaml'), SHARDED.replace('key: id', 'key: email'))
    const changed = await pgherd(['up', '--detach'], { cwd })
    expect([changed.code, changed.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^SPEC_CHANGED: .*public\.users by email.*A change of placement is a move, not an edit\.\n/,
      ),
    ])
  },
)

test('the first map of a spec is told without a herd', async () => {
  const cwd = folderWith(SHARDED.replace('strategy: modulo', 'virtualNodes: 64'))
  const map = JSON.parse(await done(['shard', 'map', 'herd.yaml', '--json'], { cwd }))
  expect(map).toMatchObject({ epoch: 1, line: { kind: 'hash' } })
  expect(map.groups[1].share + map.groups[2].share).toBeCloseTo(1)
  const { code, stderr } = await pgherd(['shard', 'map'], { cwd })
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^HERD_NOT_FOUND: /)])
})

test('a spec that shards nothing has no map', async () => {
  const { code, stderr } = await pgherd(['shard', 'map', 'herd.yaml'], { cwd: folderWith(SPEC) })
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^NOT_SUPPORTED: Nothing is sharded by the spec herd\.yaml\.\n/),
  ])
})

test('SQL and the connection string of a sharded herd are about all of it', TIMEOUT, async () => {
  const cwd = folderWith(SHARDED.replace('proxy: false\n', ''))
  await done(['up', '--detach'], { cwd })
  const sql = (text: string): Promise<string> => done(['sql', text], { cwd })
  await sql('create table users (id int primary key)')
  await sql('insert into users select g from generate_series(1, 20) g')
  expect(await sql('select count(*) from users')).toBe('count\n20\n(1 row)\n')
  const parts = ['s1-1', 's2-1'].map((node) =>
    done(['sql', '--node', node, '--json', 'select from users'], { cwd }),
  )
  const counts = (await Promise.all(parts)).map((part) => JSON.parse(part).rowCount as number)
  expect(counts.every((count) => count > 0 && count < 20)).toBe(true)
  expect(await done(['dsn'], { cwd })).toBe(await done(['dsn', '--proxy'], { cwd }))
})
