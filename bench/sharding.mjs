// How fast and how evenly keys are placed, beside the rings of npm; a turn is a process of its own.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import {
  addToRing,
  consistentHashMap,
  hashKey,
  KeyReader,
  locateHash,
  locateKey,
  PLACEMENT_SEED,
} from '@pgherd/core/sharding'
import { contest } from './contest.mjs'
import { median, report, spread } from './figures.mjs'

const KEYS = 1_000_000
const SHARDS = Array.from({ length: 8 }, (_, at) => `s${at + 1}`)
/** Ours, and what is to be ahead of. */
const SUBJECT = 'pgherd, 20-byte text key, hash included'
const HASH_FREE = 'pgherd, hash given'
const PEERS = ['hashring', 'consistent-hash, keys it has not seen', 'consistent-hash, keys it has cached']

const self = fileURLToPath(import.meta.url)

/** Each makes what looks one key up, given all keys. */
const MAKERS = {
  [SUBJECT]: async () => {
    const map = consistentHashMap(SHARDS)
    return (key) => locateKey(map, 'text', key)
  },
  [HASH_FREE]: async (keys) => {
    const map = consistentHashMap(SHARDS)
    const reader = new KeyReader()
    const hash = { high: 0, low: 0 }
    const [highs, lows] = [new Int32Array(keys.length), new Int32Array(keys.length)]
    for (const [at, key] of keys.entries()) {
      reader.read('text', key)
      hashKey(reader, PLACEMENT_SEED, hash)
      highs[at] = hash.high
      lows[at] = hash.low
    }
    let at = 0
    return () => {
      if (at === highs.length) at = 0
      hash.high = highs[at]
      hash.low = lows[at++]
      return locateHash(map, hash)
    }
  },
  hashring: async () => {
    const { default: HashRing } = await import('hashring')
    const ring = new HashRing(SHARDS)
    return (key) => ring.get(key)
  },
  'consistent-hash, keys it has not seen': consistentHash,
  'consistent-hash, keys it has cached': async (keys) => {
    const look = await consistentHash()
    for (const key of keys) look(key)
    return look
  },
}

async function consistentHash() {
  const { default: ConsistentHash } = await import('consistent-hash')
  const ring = new ConsistentHash()
  for (const shard of SHARDS) ring.add(shard)
  return (key) => ring.get(key)
}

function drawKeys(count) {
  return Array.from({ length: count }, () => randomBytes(10).toString('hex'))
}

/** Millions of keys a second, after as many to warm up. */
async function turn(name) {
  const isSlow = name === 'hashring'
  const keys = drawKeys(isSlow ? KEYS / 5 : KEYS)
  const look = await MAKERS[name](keys)
  const warm = name.includes('not seen') ? drawKeys(keys.length) : keys
  let seen = 0
  for (const key of warm) seen += look(key) === undefined ? 1 : 0
  const startedAt = process.hrtime.bigint()
  for (const key of keys) seen += look(key) === undefined ? 1 : 0
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9
  if (seen > 0) throw new Error('a key has no shard')
  return keys.length / seconds / 1e6
}

/** How full the fullest of eight shards is over the mean, and how far what moves to a ninth is from 1/9. */
function balance() {
  const before = consistentHashMap(SHARDS)
  const after = addToRing(before, 's9')
  const counts = new Array(SHARDS.length).fill(0)
  let moved = 0
  for (const key of drawKeys(KEYS)) {
    const owner = locateKey(before, 'text', key)
    counts[owner]++
    if (locateKey(after, 'text', key) !== owner) moved++
  }
  const expected = KEYS / (SHARDS.length + 1)
  return {
    imbalance: Math.max(...counts) / (KEYS / SHARDS.length),
    movedOff: (100 * Math.abs(moved - expected)) / expected,
  }
}

if (process.argv[2] === '--turn') {
  console.log(await turn(process.argv[3]))
} else {
  const rounds = Number(process.argv[2] ?? 5)
  const names = [SUBJECT, HASH_FREE, ...PEERS]
  const entries = names.map((name) => ({ name, open: () => {}, kill: () => {}, close: () => {} }))
  const outcomes = await contest(entries, rounds, ({ name }) => {
    const { stdout, status } = spawnSync(process.execPath, [self, '--turn', name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (status !== 0) throw new Error('its process failed')
    return Number(stdout)
  })
  const ratesOf = (name) => outcomes.get(name).rounds
  const { imbalance, movedOff } = balance()
  // `report` takes limits that are not to be exceeded: of a rate, the time a million keys take.
  const rows = names.map((name) => ({
    what: `${name}: time of a million lookups`,
    value: 1000 / median(ratesOf(name)),
    unit: 'ms',
    ...(name === SUBJECT ? { limit: 100 } : name === HASH_FREE ? { limit: 1000 / 30 } : {}),
  }))
  for (const peer of PEERS)
    rows.push({
      what: `its rate over ours: ${peer}`,
      value: median(ratesOf(peer).map((rate, at) => rate / ratesOf(SUBJECT)[at])),
      unit: 'times',
      limit: 1,
    })
  rows.push({
    what: 'fullest of 8 shards over the mean, a million keys',
    value: imbalance,
    unit: 'times',
    limit: 1.05,
  })
  rows.push({ what: 'keys moved to a ninth shard, off 1/9', value: movedOff, unit: '%', limit: 5 })
  const details = Object.fromEntries(names.map((name) => [name, spread(ratesOf(name))]))
  process.exitCode = report('sharding', rows, { millionsPerSecond: details, rounds }) ? 0 : 1
}
