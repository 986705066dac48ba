import type { Random } from '../../../test/random.js'
import { FROM_CLIENT, frame } from '../src/protocol/client-messages.js'
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  execute,
  flush,
  functionCall,
  parse,
  query,
  startupPacket,
  sync,
} from './raw-client.js'

const TEXTS = [
  'select 1',
  'select $1::int',
  `select repeat('x', 20000)`,
  'select * from generate_series(1, 300)',
  'select 1/0',
  'selekt',
  'begin',
  'begin; select 1; savepoint a',
  'commit',
  'rollback',
  'rollback to a',
  'insert into fuzzed (note) values ($1)',
  `insert into fuzzed (note) values ('x')`,
  'delete from fuzzed where id % 2 = 0',
  'copy fuzzed (note) from stdin',
  'copy fuzzed to stdout',
  'declare c cursor with hold for select 1',
  'create temp table if not exists t (id int)',
  'prepare p as select 1',
  'execute p',
  'deallocate all',
  'discard all',
  `set work_mem = '5MB'`,
  'reset all',
  'listen channel',
  `notify channel, 'x'`,
  'select pg_advisory_lock(1)',
  'select pg_advisory_unlock_all()',
  'select pg_sleep(0.002)',
  `do $$ begin raise notice 'x'; end $$`,
  'show server_version; select 2; select 3',
  '',
  `set client_encoding = 'LATIN1'`,
  `set client_encoding = 'SJIS'`,
]
const NAMES = ['', '', '', 'a', 'b', 'pgherd_1', 'größe', 'x'.repeat(300)]

function anyBytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: random.between(0, most) }, () => random.between(0, 255)))
}

/** Something that a client may say, though perhaps not now. */
function allowed(random: Random): Buffer {
  const name = random.pick(NAMES)
  switch (random.between(0, 14)) {
    case 0:
    case 1:
    case 2:
      return query(random.pick(TEXTS))
    case 3:
    case 4:
      return parse(name, random.pick(TEXTS), random.chance(0.3) ? [23] : [])
    case 5:
    case 6:
      return bind(name, random.chance(0.5) ? ['1'] : [], { portal: random.pick(NAMES) })
    case 7:
    case 8:
      return execute(random.pick(NAMES), random.between(0, 3))
    case 9:
      return describe(random.pick(['S', 'P'] as const), name)
    case 10:
      return close(random.pick(['S', 'P'] as const), name)
    case 11:
      return flush
    case 12:
      return random.pick([copyData('1\tx\n'), copyDone, copyFail('no more')])
    case 13:
      return functionCall(random.pick([1318, 1, 0x7fffffff]), ['abc'])
    default:
      return sync
  }
}

/** Something that may be broken anywhere: its bytes, its length, its end. */
function broken(random: Random, message: Buffer): Buffer {
  const bytes = Buffer.from(message)
  for (let times = random.between(1, 4); times > 0; times--)
    bytes[random.between(0, bytes.length - 1)] = random.between(0, 255)
  return random.chance(0.3) ? bytes.subarray(0, random.between(0, bytes.length)) : bytes
}

/** What a client says after its login; how much of it is broken is `hostility`. */
export function hostileMessage(random: Random, hostility: number): Buffer {
  const message = allowed(random)
  if (!random.chance(hostility)) return message
  switch (random.between(0, 3)) {
    case 0:
      return broken(random, message)
    case 1:
      return frame(random.between(0, 255), [anyBytes(random, 200)])
    case 2: {
      const bytes = Buffer.from(message)
      bytes.writeInt32BE(random.pick([-1, 0, 3, 4, 5, 0x3fffffff, 0x40000000, 0x7fffffff]), 1)
      return bytes
    }
    default:
      // A body of noise under a type and a length that are right.
      return frame(random.pick(Object.values(FROM_CLIENT)), [anyBytes(random, 60)])
  }
}

/** What somebody says who is not logged in. */
export function hostileArrival(random: Random): Buffer[] {
  const startup = startupPacket(
    {
      user: random.pick(['app', 'nobody', '', 'x'.repeat(9000)]),
      database: random.pick(['scratch', 'nowhere', 'pgherd', '']),
      ...(random.chance(0.3) ? { options: '-c work_mem=1MB', '_pq_.x': '1', replication: 'maybe' } : {}),
    },
    random.pick([3, 3, 3, 2, 1234]),
    random.pick([0, 2, 99, 5679, 5680, 5678]),
  )
  const request = Buffer.from([0, 0, 0, 8, 4, 210, 22, random.pick([47, 48, 46])])
  const password = frame(FROM_CLIENT.password, [
    random.pick([
      anyBytes(random, 100),
      Buffer.from('SCRAM-SHA-256\0\0\0\0\x0cn,,n=,r=abcd', 'latin1'),
      Buffer.from('c=biws,r=abc,p=AAAA'),
      Buffer.from('secret\0'),
    ]),
  ])
  const parts = [
    random.pick([startup, request, anyBytes(random, 300)]),
    random.pick([startup, password, query('select 1')]),
    password,
  ]
  return parts.map((part) => (part.length > 0 && random.chance(0.3) ? broken(random, part) : part))
}
