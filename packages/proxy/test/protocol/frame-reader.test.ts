import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { frame } from '../../src/protocol/client-messages.js'
import { FrameReader } from '../../src/protocol/frame-reader.js'
import { ProtocolViolation } from '../../src/protocol/protocol-violation.js'
import { cutAnywhere } from '../cut-anywhere.js'

function randomMessage(random: Random): Buffer {
  const length = random.pick([0, 1, 4, random.between(0, 40), random.between(0, 3000)])
  const body = Buffer.from(Array.from({ length }, () => random.between(0, 255)))
  return frame(random.between(0, 255), [body])
}

function readAll(reader: FrameReader): Buffer[] {
  const messages: Buffer[] = []
  for (let message = reader.next(); message !== null; message = reader.next()) messages.push(message)
  return messages
}

/** `toEqual` would look at each byte as at a property. */
function isSame(some: readonly Buffer[], others: readonly Buffer[]): boolean {
  return some.length === others.length && some.every((each, at) => each.equals(others[at] as Buffer))
}

function header(type: string, length: number): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0`)
  bytes.writeInt32BE(length, 1)
  return bytes
}

test('however a stream is cut, the same messages come out of it', () => {
  for (let seed = 0; seed < 800; seed++) {
    const random = new Random(seed)
    const messages = Array.from({ length: random.between(1, 12) }, () => randomMessage(random))
    const reader = new FrameReader(0x3fffffff)
    const read: Buffer[] = []
    for (const piece of cutAnywhere(random, Buffer.concat(messages))) {
      reader.push(piece)
      if (random.chance(0.7)) read.push(...readAll(reader))
    }
    read.push(...readAll(reader))
    expect(isSame(read, messages), `seed ${seed}`).toBe(true)
    expect(reader.held).toBe(0)
  }
})

test('messages of one type in a row can be read as one piece, however they are cut', () => {
  for (let seed = 0; seed < 800; seed++) {
    const random = new Random(seed)
    const messages = Array.from({ length: random.between(1, 30) }, () => {
      const message = randomMessage(random)
      if (random.chance(0.8)) message[0] = 0x64
      return message
    })
    const reader = new FrameReader(0x3fffffff)
    const read: Buffer[] = []
    for (const piece of cutAnywhere(random, Buffer.concat(messages))) {
      reader.push(piece)
      for (;;) {
        const run = reader.nextRun(0x64)
        const next = run ?? reader.next()
        if (next === null) break
        if (run === null) expect(next[0], `seed ${seed}`).not.toBe(0x64)
        read.push(next)
      }
    }
    expect(Buffer.concat(read).equals(Buffer.concat(messages)), `seed ${seed}`).toBe(true)
    expect(reader.held).toBe(0)
  }
})

test('a run that came at once is one piece', () => {
  const reader = new FrameReader(1000)
  const row = frame(0x64, [Buffer.from('row')])
  reader.push(Buffer.concat([row, row, row, frame(0x63, [])]))
  expect(reader.nextRun(0x64)).toEqual(Buffer.concat([row, row, row]))
  expect(reader.nextRun(0x64)).toBeNull()
  expect(reader.next()).toEqual(frame(0x63, []))
})

test('what is not read is counted, and given back as it came', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed)
    const messages = Array.from({ length: random.between(1, 6) }, () => randomMessage(random))
    const stream = Buffer.concat(messages)
    const reader = new FrameReader(0x3fffffff)
    let readBytes = 0
    let pushedBytes = 0
    for (const piece of cutAnywhere(random, stream)) {
      reader.push(piece)
      pushedBytes += piece.length
      if (random.chance(0.5)) readBytes += reader.next()?.length ?? 0
      expect(reader.held).toBe(pushedBytes - readBytes)
      if (random.chance(0.1)) break
    }
    expect(reader.rest(), `seed ${seed}`).toEqual(stream.subarray(readBytes, pushedBytes))
    expect(reader.held).toBe(0)
    expect(reader.next()).toBeNull()
    reader.push(messages[0] as Buffer)
    expect(reader.next()).toEqual(messages[0])
  }
})

test('what comes while earlier messages wait stays behind them', () => {
  const messages = ['a', 'b', 'c', 'd'].map((type) => frame(type.charCodeAt(0), [Buffer.from(type)]))
  const [a, b, c, d] = messages as [Buffer, Buffer, Buffer, Buffer]
  const reader = new FrameReader(1000)
  reader.push(a)
  reader.push(b)
  const read = [reader.next()]
  reader.push(c)
  read.push(reader.next())
  reader.push(d)
  read.push(reader.next(), reader.next(), reader.next())
  expect(read).toEqual([a, b, c, d, null])
})

test.each([
  ['negative', -1],
  ['most negative', -0x80000000],
  ['shorter than itself', 3],
  ['one too long', 1001],
  ['absurd', 0x7fffffff],
])('a length that is %s is refused as soon as it is known', (_name, length) => {
  const reader = new FrameReader(1000)
  const bytes = header('Q', length)
  reader.push(bytes.subarray(0, 4))
  expect(reader.next()).toBeNull()
  reader.push(bytes.subarray(4))
  expect(() => reader.next()).toThrow(ProtocolViolation)
  expect(() => reader.next()).toThrow(`invalid message length ${length} of message type "Q"`)
})

test('the longest length that is allowed is waited for', () => {
  const reader = new FrameReader(1000)
  reader.push(header('Q', 1000))
  expect(reader.next()).toBeNull()
  reader.push(Buffer.alloc(995))
  expect(reader.next()).toBeNull()
  reader.push(Buffer.alloc(1))
  expect(reader.next()?.length).toBe(1001)
})

test('a long message in many pieces is put together once, not with every piece', () => {
  const body = Buffer.alloc(8 * 1024 * 1024, 'x')
  const message = frame(0x64, [body])
  const reader = new FrameReader(0x3fffffff)
  const before = process.cpuUsage()
  for (let at = 0; at < message.length; at += 1024) {
    reader.push(message.subarray(at, at + 1024))
    const read = reader.next()
    if (read !== null) expect(read.equals(message)).toBe(true)
  }
  expect(reader.held).toBe(0)
  // Putting it together with every piece would copy 32 GB.
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1000).toBeLessThan(2000)
})
