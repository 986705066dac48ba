import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { done, newFolder, pgherd, start } from './scratch-cli.js'

interface Printed {
  type: string
  keys: number
  shards: number
  virtualNodes: number
  strategies: {
    strategy: string
    stretches: number
    balance: { keys: number[]; imbalance: number }
    changes: { change: { kind: string; shards: number }; movedShare: number; leastShare: number }[]
  }[]
}

async function compare(cwd: string, ...args: string[]): Promise<Printed> {
  return JSON.parse(await done(['shard', 'compare', ...args, '--json'], { cwd })) as Printed
}

test('modulo moves four keys of five for a fifth shard, consistent hashing one', async () => {
  const cwd = newFolder()
  const found = await compare(cwd)
  expect(found).toMatchObject({ type: 'int8', keys: 100_000, shards: 4, virtualNodes: 4096 })
  const moved = Object.fromEntries(
    found.strategies.map(({ strategy, changes }) => [strategy, changes.map((each) => each.movedShare)]),
  )
  expect(moved['consistent-hash']?.[0]).toBeCloseTo(0.2, 1)
  expect(moved.modulo?.[0]).toBeCloseTo(0.8, 1)
  expect(moved.modulo?.[1]).toBeCloseTo(0.75, 1)
  expect(moved.range).toEqual([0.2, 0.25])
})

test('a person reads it as tables and bars, without a terminal without colours', async () => {
  const text = await done(['shard', 'compare', '--keys', '1000', '--strategy', 'modulo', '--add', '2'], {
    cwd: newFolder(),
  })
  expect(text).toMatch(/^1,000 keys of type int8 over 4 shards\n/)
  expect(text).toMatch(
    /STRATEGY +FEWEST +MOST +MEAN +DEVIATION +MOST\/MEAN +STRETCHES\nmodulo +\d+ +\d+ +250 /,
  )
  expect(text).toMatch(/Keys of each shard\nmodulo +s1 +█+.? +\d+\n +s2 +█/)
  expect(text).toMatch(
    /What moves with 2 shards more\nmodulo +█+.? +\d+\.\d % +\d+ keys, then 1\.\d+ most\/mean\nleast possible +█+.? +33\.3 %/,
  )
  expect(text).not.toContain('fewer')
  expect(text).not.toContain('\u001b')
})

test('own keys come from a file or a pipe, their type is guessed', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'ids'), '7\r\n-8\n\n9\n')
  writeFileSync(join(cwd, 'uuids'), '01234567-89ab-cdef-0123-456789abcdef\n')
  expect(await compare(cwd, '--input', 'ids')).toMatchObject({ type: 'int8', keys: 3 })
  expect(await compare(cwd, '--input', 'ids', '--type', 'text')).toMatchObject({ type: 'text', keys: 3 })
  expect(await compare(cwd, '--input', 'uuids')).toMatchObject({ type: 'uuid', keys: 1 })
  const piped = start(['shard', 'compare', '--input', '-', '--json'], { cwd })
  piped.child.stdin?.end('7\nanna\n')
  expect(JSON.parse((await piped.ended).stdout)).toMatchObject({ type: 'text', keys: 2 })
})

test('keys are made up of every type', async () => {
  const cwd = newFolder()
  for (const type of ['int2', 'int4', 'int8', 'text', 'varchar', 'uuid']) {
    const found = await compare(cwd, '--type', type, '--keys', '40000', '--vnodes', '256')
    for (const { balance } of found.strategies)
      expect(balance.keys.reduce((sum, keys) => sum + keys, 0)).toBe(40_000)
  }
})

test('a load limit holds where few virtual nodes alone would not', async () => {
  const cwd = newFolder()
  const args = ['--vnodes', '16', '--strategy', 'consistent-hash', '--shards', '8']
  const [free, limited] = [await compare(cwd, ...args), await compare(cwd, ...args, '--load-limit', '1.1')]
  expect(free.strategies[0]?.balance.imbalance).toBeGreaterThan(1.15)
  expect(limited.strategies[0]?.balance.imbalance).toBeLessThan(1.12)
})

test('the picture is written, with what the table says', async () => {
  const cwd = newFolder()
  await done(['shard', 'compare', '--keys', '1000', '--svg', 'shards.svg'], { cwd })
  const svg = readFileSync(join(cwd, 'shards.svg'), 'utf8')
  expect(svg).toMatch(/^<svg [^>]*>\n<title>1,000 keys of type int8 over 4 shards<\/title>/)
  expect(svg).toMatch(/>consistent-hash<.*>modulo<.*>range<.*<\/svg>\n$/s)
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  const [opened, closed] = [svg.match(/<(svg|title|text)\b/g), svg.match(/<\/(svg|title|text)>/g)]
  expect(opened?.length).toBe(closed?.length)
})

test.each([
  [['--shards', '0'], /whole number from 1 to 1024/],
  [['--shards', '2.5'], /whole number from 1 to 1024/],
  [['--keys', '1e3'], /whole number from 1 to 10000000/],
  [['--type', 'float8'], /Allowed choices are int2, int4, int8, text, varchar, uuid/],
  [['--strategy', 'luck'], /Allowed choices are consistent-hash, modulo, range/],
  [['--load-limit', '0.5'], /number from 1 to 1000/],
  [
    ['--vnodes', '65536', '--shards', '500'],
    /USAGE: A ring of 500 shards can have at most \d+ virtual nodes/,
  ],
  [['--remove', '4'], /USAGE: Of 4 shards 4 cannot go: one must stay\./],
  [['--keys', '5', '--input', 'ids'], /USAGE: Keys are either made up/],
  [['--input', 'missing'], /USAGE: The keys in missing cannot be read \(ENOENT\)/],
  [['--input', 'empty'], /USAGE: There is no key in empty\./],
  [
    ['--input', 'ids', '--type', 'int2'],
    /SHARD_KEY_INVALID: ids:2: 40000 is out of range for a shard key of type int2\./,
  ],
  [['more'], /too many arguments/],
])('I9: %j is used wrongly: one sentence, exit code 2', async (args, sentence) => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'ids'), '7\n40000\n')
  writeFileSync(join(cwd, 'empty'), '\n')
  const { code, stdout, stderr } = await pgherd(['shard', 'compare', ...args], { cwd })
  expect(stderr).toMatch(sentence)
  expect([code, stdout]).toEqual([2, ''])
})

test('shard alone shows what there is under it', async () => {
  const { code, stderr } = await pgherd(['shard'], { cwd: newFolder() })
  expect(code).toBe(2)
  expect(stderr).toMatch(/compare .*compare the strategies/)
})
