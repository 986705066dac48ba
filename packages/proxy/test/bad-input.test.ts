import type { Herd } from '@pgherd/cluster'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../../../test/scratch-herd.js'
import { ScramClient } from '../src/auth/scram-client.js'
import { WireProxy } from '../src/index.js'
import { FROM_CLIENT, frame } from '../src/protocol/client-messages.js'
import { FrameReader } from '../src/protocol/frame-reader.js'
import { reportField } from '../src/protocol/server-messages.js'
import { copyData, query, RawClient, startupPacket, sync } from './raw-client.js'
import { isMessage, RawSocket } from './raw-socket.js'

let herd: Herd
let proxy: WireProxy
let direct: URL
let through: URL
const sockets: RawSocket[] = []
const clients: RawClient[] = []

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    probe: { timeoutMs: PATIENCE_MS },
    maxClients: 5,
  })
  direct = new URL(herd.dsn((herd.primaryOf() as { name: string }).name))
  through = new URL(direct)
  through.port = String(proxy.address.port)
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  await admin.query(`create role with_md5 login; create role nologin nologin password 'sesame'`)
  await admin.query(`create role expired login password 'sesame' valid until '2001-01-01'`)
  await admin.query(`create role limited login password 'sesame' connection limit 0`)
}, 120_000)

afterAll(() => proxy.close())
afterEach(() => {
  for (const socket of [...sockets.splice(0), ...clients.splice(0)]) socket.end()
})

async function enter(url: URL): Promise<RawClient> {
  const client = await RawClient.open(url.href)
  clients.push(client)
  return client
}

async function knock(url: URL): Promise<RawSocket> {
  const socket = await RawSocket.open(Number(url.port))
  sockets.push(socket)
  return socket
}

/** Bytes as one can compare them: errors without the place in PostgreSQL's sources. */
function comparable(heard: Buffer): string[] {
  const said: string[] = []
  let at = 0
  // A refusal to encrypt is a byte alone.
  while (heard[at] === 0x4e && heard[at + 1] !== 0) said.push(String.fromCharCode(heard[at++] as number))
  if (heard.subarray(at, at + 7).toString() === 'EFATAL:') return [...said, heard.toString('utf8', at)]
  const frames = new FrameReader(100_000)
  frames.push(heard.subarray(at))
  for (let message = frames.next(); message !== null; message = frames.next()) {
    const type = String.fromCharCode(message[0] as number)
    if (type !== 'E') {
      // The nonce and the salt are chance.
      said.push(
        `${type} ${type === 'R' && message.readInt32BE(5) === 11 ? 'challenge' : message.toString('latin1', 5)}`,
      )
    } else said.push(`E ${[...'SVCMDH'].map((field) => reportField(message, field)).join(' | ')}`)
  }
  return said
}

const code = (value: number, body = ''): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(8 + body.length, 0)
  bytes.writeInt32BE(value, 4)
  return Buffer.concat([bytes, Buffer.from(body, 'latin1')])
}
const SSL = code(80877103)
const GSS = code(80877104)
const startup = startupPacket({ user: 'app', database: 'scratch' })
const password = (body: Buffer | string): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from('p'), length, Buffer.from(body as string, 'latin1')])
}
const sasl = (data: string, mechanism = 'SCRAM-SHA-256', length = data.length): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(length)
  return password(Buffer.concat([Buffer.from(`${mechanism}\0`), bytes, Buffer.from(data)]))
}
const FIRST = 'n,,n=,r=abc'

/** What is said, each when the answer to the one before is there; it ends with a refusal. */
const REFUSED: Record<string, Buffer[]> = {
  'no user': [startupPacket({ database: 'scratch' })],
  'an empty user': [startupPacket({ user: '' })],
  'no parameter at all': [startupPacket({})],
  'protocol 1.0': [startupPacket({ user: 'app' }, 1)],
  'protocol 2.0': [startupPacket({ user: 'app' }, 2)],
  'protocol 4.0': [startupPacket({ user: 'app' }, 4)],
  'a layout without end': [code(3 << 16, 'user\0app')],
  'a layout with more behind its end': [code(3 << 16, 'user\0app\0\0x')],
  'a startup packet together with an SSL request': [Buffer.concat([SSL, startup])],
  'a startup packet together with a GSS request': [Buffer.concat([GSS, startup])],
  'an SSL request twice': [SSL, SSL],
  'a GSS request twice': [GSS, GSS],
  'replication = maybe': [startupPacket({ user: 'app', replication: 'maybe' })],
  'a query instead of a password': [startup, query('select 1')],
  'an empty password message': [startup, password('')],
  'a password message of negative length': [startup, Buffer.from('p\xff\xff\xff\xff', 'latin1')],
  'a password message that is too long': [startup, Buffer.from('p\x00\x02\x00\x00', 'latin1')],
  'another mechanism': [startup, sasl(FIRST, 'PLAIN')],
  'a binding where there is no TLS': [
    startup,
    sasl('p=tls-server-end-point,,n=,r=abc', 'SCRAM-SHA-256-PLUS'),
  ],
  'a binding the mechanism has not': [startup, sasl('p=tls-server-end-point,,n=,r=abc')],
  'a response longer than its message': [startup, sasl(FIRST, undefined, 100)],
  'a response shorter than its message': [startup, sasl(FIRST, undefined, 3)],
  'an authorization identity': [startup, sasl('n,a=me,n=,r=abc')],
  'an extension': [startup, sasl('n,,m=x,n=,r=abc')],
  'an unknown flag': [startup, sasl('x,,n=,r=abc')],
  'another binding in the end': [startup, sasl(FIRST), password('c=eSws,r=abc,p=AAAA')],
  'another nonce': [startup, sasl(FIRST), password('c=biws,r=abc,p=AAAA')],
}

async function talk(url: URL, parts: Buffer[]): Promise<string[]> {
  const socket = await knock(url)
  const said: Buffer[] = []
  for (const [at, part] of parts.entries()) {
    socket.say(part)
    if (at < parts.length - 1) said.push(await socket.hear((heard) => heard[0] === 0x4e || isMessage(heard)))
  }
  said.push(await socket.farewell())
  return comparable(Buffer.concat(said))
}

test.each(Object.entries(REFUSED))('%s is refused as PostgreSQL does', async (_name, parts) => {
  expect(await talk(through, parts)).toEqual(await talk(direct, parts))
})

/** What is agreed to, up to the request for a password. */
const HEARD: Record<string, Buffer[]> = {
  'an SSL request': [SSL, startup],
  'a GSS request': [GSS, startup],
  'both requests': [GSS, SSL, startup],
  'protocol 3.1': [startupPacket({ user: 'app' }, 3, 1)],
  'protocol 3.2': [startupPacket({ user: 'app' }, 3, 2)],
  'protocol 3.99': [startupPacket({ user: 'app' }, 3, 99)],
  'protocol 3.9999, with which clients test it': [
    startupPacket({ user: 'app', '_pq_.grease': 'x' }, 3, 9999),
  ],
  'options of the protocol that nobody knows': [
    startupPacket({ user: 'app', '_pq_.x': '1', '_pq_.y': '2' }, 3, 2),
  ],
  'such an option of 3.0': [startupPacket({ user: 'app', '_pq_.x': '1' })],
  'no TLS, said by the client': [startup, sasl('y,,n=,r=abc')],
}

test.each(Object.entries(HEARD))('%s is answered as PostgreSQL does', async (_name, parts) => {
  const hear = async (url: URL): Promise<string[]> => {
    const socket = await knock(url)
    const said: string[] = []
    for (const part of parts) {
      socket.say(part)
      const wanted = part === SSL || part === GSS ? 'N' : 'R'
      const heard = await socket.hear((all) => {
        const last = comparable(all).at(-1)
        return last?.startsWith(wanted) === true
      })
      said.push(...comparable(heard))
    }
    return said
  }
  const heard = await hear(through)
  expect(heard).toEqual(await hear(direct))
  expect(heard.at(-1)).toMatch(/^R/)
})

test.each([
  ['a length of 7', Buffer.from([0, 0, 0, 7, 1, 2, 3])],
  ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
  ['a length beyond 10,000', Buffer.from([0, 0, 0x40, 0, 0, 3, 0, 0])],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
])('%s at the start is told to be none, and the connection closed', async (_name, bytes) => {
  const socket = await knock(through)
  socket.say(bytes)
  expect(comparable(await socket.farewell())).toEqual([
    'E FATAL | FATAL | 08P01 | invalid length of startup packet |  | ',
  ])
})

test.each([
  ['a cancel request without a key', code(80877102, 'abcd')],
  ['a cancel request for nobody', code(80877102, 'abcdefgh')],
  [
    'a TLS handshake where there is no TLS',
    Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'),
  ],
])('%s is closed without a word', async (name, bytes) => {
  const socket = await knock(through)
  socket.say(bytes)
  const heard = comparable(await socket.farewell())
  expect(heard).toEqual(name.endsWith('a key') ? [expect.stringContaining('query cancel packet')] : [])
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a length', Buffer.from([0, 0])],
  ['half a packet', startup.subarray(0, 12)],
])('who says %s and leaves is forgotten', async (_name, bytes) => {
  const socket = await knock(through)
  socket.say(bytes)
  socket.socket.end()
  expect(await socket.farewell()).toEqual(Buffer.alloc(0))
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a startup packet', startup.subarray(0, 12)],
  ['an SSL request', SSL],
  ['no password', startup],
])('who says %s and stays is let go after the time for a login', async (_name, bytes) => {
  const impatient = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    loginTimeoutMs: 1500,
  })
  const url = new URL(through)
  url.port = String(impatient.address.port)
  const beganMs = performance.now()
  const socket = await knock(url)
  if (bytes.length > 0) socket.say(bytes)
  await socket.farewell()
  const tookMs = performance.now() - beganMs
  await impatient.close()
  expect(tookMs).toBeGreaterThan(1450)
  expect(tookMs).toBeLessThan(30_000)
})

// ---- who may log in

/** What comes of a login, as the code and text of its error. */
async function logIn(
  url: URL,
  user: string,
  secret: string,
  database = 'scratch',
  more: Record<string, string> = {},
) {
  const socket = await knock(url)
  socket.say(startupPacket({ user, database, ...more }))
  const frames = new FrameReader(100_000)
  const scram = new ScramClient({ password: secret })
  for (;;) {
    const heard = await socket.hear(isMessage)
    if (heard.length === 0) return 'closed'
    frames.push(heard)
    for (let message = frames.next(); message !== null; message = frames.next()) {
      const kind = String.fromCharCode(message[0] as number)
      if (kind === 'E') return `${reportField(message, 'C')} ${reportField(message, 'M')}`
      if (kind === 'Z') return 'in'
      if (kind !== 'R') continue
      const step = message.readInt32BE(5)
      if (step === 10) socket.say(sasl(scram.begin()))
      if (step === 11) socket.say(password(scram.prove(message.toString('utf8', 9))))
    }
  }
}

const secret = (): string => decodeURIComponent(direct.password)

test.each([
  ['a wrong password', () => ['app', 'wrong'] as const],
  ['an unknown user', () => ['nobody', 'wrong'] as const],
  ['a user without password', () => ['with_md5', 'wrong'] as const],
  ['a user whose password has expired', () => ['expired', 'sesame'] as const],
  ['a user that may not have more connections', () => ['limited', 'sesame'] as const],
  ['a database that does not exist', () => ['app', secret(), 'nowhere'] as const],
  ['a database that is named as the user', () => ['app', secret(), ''] as const],
  [
    'a setting that does not exist',
    () => ['app', secret(), 'scratch', { 'no.such': '1', nonsense: '1' }] as const,
  ],
  ['a setting with a wrong value', () => ['app', secret(), 'scratch', { datestyle: 'nonsense' }] as const],
  [
    'an encoding that does not exist',
    () => ['app', secret(), 'scratch', { client_encoding: 'klingon' }] as const,
  ],
  ['options that make no sense', () => ['app', secret(), 'scratch', { options: '-c' }] as const],
  ['the right password', () => ['app', secret()] as const],
])('%s has the same outcome as with PostgreSQL', async (_name, login) => {
  const [user, given, database, more] = login()
  expect(await logIn(through, user, given, database, more)).toBe(
    await logIn(direct, user, given, database, more),
  )
})

test('a user that may not log in is told no more than one that does not exist', async () => {
  expect(await logIn(through, 'nologin', 'sesame')).toBe(
    '28P01 password authentication failed for user "nologin"',
  )
})

test('replication is refused, with the way out', async () => {
  expect(await logIn(through, 'app', secret(), 'scratch', { replication: 'database' })).toBe(
    '0A000 replication connections are not possible through a proxy',
  )
})

test('the challenge and the time of a login do not tell whether a user exists', async () => {
  const challenge = async (user: string): Promise<string> => {
    const socket = await knock(through)
    socket.say(startupPacket({ user, database: 'scratch' }))
    await socket.hear(isMessage)
    socket.say(sasl(FIRST))
    return (await socket.hear(isMessage)).toString('latin1', 9).replace(/^r=[^,]*/, '')
  }
  for (const user of ['app', 'nobody', 'with_md5', 'postgres']) {
    const first = await challenge(user)
    expect(first).toMatch(/^,s=[A-Za-z0-9+/]{22}==,i=4096$/)
    expect(await challenge(user)).toBe(first)
  }
  const times: Record<string, number[]> = { app: [], nobody: [] }
  for (let round = 0; round < 41; round++) {
    for (const user of round % 2 === 0 ? ['app', 'nobody'] : ['nobody', 'app']) {
      const beganMs = performance.now()
      await challenge(user)
      times[user]?.push(performance.now() - beganMs)
    }
  }
  // The quickest ones: whatever else the machine does makes a login slower, never quicker.
  const quick = (user: string): number => times[user]?.sort((a, b) => a - b)[3] as number
  expect(Math.abs(quick('app') - quick('nobody'))).toBeLessThan(Math.max(1, 0.5 * quick('app')))
})

test('a storm of wrong passwords costs servers next to nothing, and others log in meanwhile', async () => {
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  const sessions = async (): Promise<number> =>
    (await admin.query('select sessions::int as n from pg_stat_database where datname = current_database()'))
      .rows[0].n
  const before = await sessions()
  const storm = Array.from({ length: 100 }, (_, at) =>
    logIn(through, at % 2 ? 'app' : `nobody${at}`, 'wrong'),
  )
  expect(await logIn(through, 'app', secret())).toBe('in')
  for (const outcome of await Promise.all(storm)) expect(outcome).toMatch(/^28P01/)
  expect((await sessions()) - before).toBeLessThan(20)
})

test('a password that was changed counts from the next login on', async () => {
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  await admin.query(`create role moving login password 'one'`)
  await until('it is known', async () => (await logIn(through, 'moving', 'one')) === 'in')
  await admin.query(`alter role moving password 'two'`)
  await until('the new one is known', async () => (await logIn(through, 'moving', 'two')) === 'in')
  expect(await logIn(through, 'moving', 'one')).toMatch(/^28P01/)
})

// ---- once logged in

/** The outcome of a message that is none: what is said before the connection is closed. */
async function after(url: URL, ...messages: Buffer[]): Promise<string[]> {
  const client = await enter(url)
  client.send(...messages)
  const heard = await client.hear('')
  return comparable(Buffer.concat(heard))
}

test.each([
  ['an unknown type', [Buffer.from('!\0\0\0\x04')]],
  ['a password out of place', [password('x')]],
])('%s after the login ends the session as PostgreSQL does', async (_name, messages) => {
  expect(await after(through, ...messages)).toEqual(await after(direct, ...messages))
})

test.each([
  ['negative', -1],
  ['too short', 3],
  ['too long', 0x40000000],
])('a length that is %s after the login ends the session', async (_name, length) => {
  const bytes = Buffer.from('Q\0\0\0\0')
  bytes.writeInt32BE(length, 1)
  const [error] = await after(through, bytes)
  expect(error).toMatch(/^E FATAL \| FATAL \| 08P01 \| invalid message length/)
})

test.each([
  ['a query that does not end', Buffer.from('Q\0\0\0\x0cselect 1')],
  ['a Describe of nothing', Buffer.from('D\0\0\0\x04')],
])('%s ends the session with a violation of the protocol', async (_name, message) => {
  expect((await after(through, message))[0]).toMatch(/^E FATAL \| FATAL \| 08P01 \|/)
})

test('bytes that are no UTF-8 are refused as PostgreSQL does, and the session goes on', async () => {
  const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
  const simple = frame(FROM_CLIENT.query, [bytes("select '\xff'\0")])
  const prepared = frame(FROM_CLIENT.parse, [bytes("\0select '\xc3'\0\0\0")])
  for (const messages of [[simple], [prepared, sync]]) {
    const answers: string[][] = []
    for (const url of [direct, through]) {
      const client = await enter(url)
      client.send(...messages)
      answers.push(comparable(Buffer.concat(await client.hear('Z'))))
      client.send(query('select 1'))
      answers.push(comparable(Buffer.concat(await client.hear('Z'))))
    }
    expect(answers.slice(2)).toEqual(answers.slice(0, 2))
    expect(answers[0]?.[0]).toContain('22021')
  }
})

test('COPY data that nobody asked for is ignored', async () => {
  const client = await enter(through)
  client.send(copyData('x'), query('select 1'))
  expect(comparable(Buffer.concat(await client.hear('Z'))).at(-1)).toBe('Z I')
})

test('more clients than allowed are refused in PostgreSQL’s words, until one leaves', async () => {
  await until('nobody is left', () => proxy.statistics.clients === 0)
  const [first] = await Promise.all(Array.from({ length: 5 }, () => enter(through)))
  expect(await logIn(through, 'app', secret())).toBe('53300 sorry, too many clients already')
  first?.end()
  await until('there is room', async () => (await logIn(through, 'app', secret())) === 'in')
})

test('without a server the login waits as long as it may, and says why it could not', async () => {
  const lonely = await WireProxy.start({
    nodes: [`postgres://app:secret@127.0.0.1:1/scratch`],
    port: 0,
    failoverWaitMs: 300,
  })
  const url = new URL(through)
  url.port = String(lonely.address.port)
  const beganMs = performance.now()
  expect(await logIn(url, 'app', 'secret')).toMatch(/^57P03 /)
  expect(performance.now() - beganMs).toBeGreaterThan(250)
  expect(await logIn(url, 'app', 'wrong')).toBe('28P01 password authentication failed for user "app"')
  await lonely.close()
})
