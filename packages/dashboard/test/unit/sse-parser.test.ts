import { expect, test } from 'vitest'
import { SseParser, type StreamMessage } from '../../src/api/sse-parser.js'

const STREAM = [
  ': a comment\n\n',
  'event: event\nid: 12\ndata: {"a":\ndata: 1}\n\n',
  'data:no space\r\n\r\n',
  'event: sample\n\n',
  'event: job\ndata: {}\n\n',
].join('')

const EXPECTED: StreamMessage[] = [
  { event: 'event', id: '12', data: '{"a":\n1}' },
  { event: 'message', id: null, data: 'no space' },
  { event: 'job', id: null, data: '{}' },
]

test.each([1, 2, 3, 7, 1000])('a stream in pieces of %i characters says the same', (size) => {
  const parser = new SseParser()
  const messages: StreamMessage[] = []
  for (let at = 0; at < STREAM.length; at += size) messages.push(...parser.push(STREAM.slice(at, at + size)))
  expect(messages).toEqual(EXPECTED)
})

test('what is not finished is not told', () => {
  expect(new SseParser().push('event: event\ndata: {}\n')).toEqual([])
})
