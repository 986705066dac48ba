import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { frame } from '../../src/protocol/client-messages.js'
import { notableTypes, ReplyReader } from '../../src/server/reply-reader.js'
import { cutAnywhere } from '../cut-anywhere.js'

const NOTABLE = 'ZEC1'
const TYPES = [...'ZEC1DTn'].map((type) => type.charCodeAt(0))

function randomReply(random: Random): Buffer {
  const length = random.pick([0, 1, 4, random.between(0, 60), random.between(0, 2000)])
  const body = Buffer.from(Array.from({ length }, () => random.between(0, 255)))
  return frame(random.pick(TYPES), [body])
}

/** All that is heard, and of it the messages that were asked for. */
function listen(): { reader: ReplyReader; heard: Buffer[]; messages: Buffer[] } {
  const heard: Buffer[] = []
  const messages: Buffer[] = []
  const reader = new ReplyReader(
    {
      bytes: (piece) => heard.push(Buffer.from(piece)),
      message: (type, message) => {
        expect(type).toBe(message[0])
        heard.push(Buffer.from(message))
        messages.push(Buffer.from(message))
      },
    },
    notableTypes([...NOTABLE].map((type) => type.charCodeAt(0))),
  )
  return { reader, heard, messages }
}

test('however a stream is cut, its bytes are handed on in order and the wanted messages are whole', () => {
  for (let seed = 0; seed < 500; seed++) {
    const random = new Random(seed)
    const replies = Array.from({ length: random.between(1, 12) }, () => randomReply(random))
    const stream = Buffer.concat(replies)
    const { reader, heard, messages } = listen()
    for (const piece of cutAnywhere(random, stream)) reader.push(Buffer.from(piece))
    expect(Buffer.concat(heard).equals(stream), `seed ${seed}`).toBe(true)
    const wanted = replies.filter((reply) => NOTABLE.includes(String.fromCharCode(reply[0] as number)))
    expect(messages, `seed ${seed}`).toEqual(wanted)
  }
})

test('a message that does not matter is handed on before it is whole', () => {
  const { reader, heard } = listen()
  const row = frame('D'.charCodeAt(0), [Buffer.alloc(1000)])
  reader.push(row.subarray(0, 500))
  expect(Buffer.concat(heard)).toEqual(row.subarray(0, 500))
})

test('types asked for while a piece is read count from the next message on', () => {
  const heard: string[] = []
  const reader = new ReplyReader(
    {
      bytes: (piece) => heard.push(`bytes ${piece.length}`),
      message: (type) => {
        heard.push(`message ${String.fromCharCode(type)}`)
        reader.notable = notableTypes([0x43])
      },
    },
    notableTypes([0x5a]),
  )
  const z = frame(0x5a, [Buffer.from('I')])
  const c = frame(0x43, [Buffer.from('SELECT 1\0')])
  reader.push(Buffer.concat([c, z, c, z]))
  expect(heard).toEqual([`bytes ${c.length}`, 'message Z', 'message C', `bytes ${z.length}`])
})
