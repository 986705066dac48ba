import { expect, test } from 'vitest'
import { CLOSE_COMPLETE, FROM_SERVER, PARSE_COMPLETE } from '../../src/protocol/server-messages.js'
import { ReplyScript, type Step } from '../../src/server/reply-script.js'

function scriptOf(...steps: Step[]): ReplyScript {
  const script = new ReplyScript()
  for (const step of steps) script.add(step)
  return script
}

/** What the client hears, when the server says messages of these types. */
function heard(script: ReplyScript, ...types: (keyof typeof FROM_SERVER)[]): string[] {
  const said: string[] = []
  for (const type of types) {
    for (const due of script.due()) said.push(due === PARSE_COMPLETE ? 'said parsed' : 'said closed')
    if (script.isForClient(FROM_SERVER[type])) said.push(type)
  }
  return said
}

test('a ParseComplete of ours is kept from the client', () => {
  const script = scriptOf('our parse', 'bind', 'execute')
  expect(
    heard(script, 'parseComplete', 'bindComplete', 'dataRow', 'commandComplete', 'readyForQuery'),
  ).toEqual(['bindComplete', 'dataRow', 'commandComplete', 'readyForQuery'])
})

test('what is done already is said where the client waits for it', () => {
  const script = scriptOf(
    'say parsed',
    'describe',
    'say closed',
    'say parsed',
    'bind',
    'execute',
    'say closed',
  )
  expect(
    heard(
      script,
      'parameterDescription',
      'rowDescription',
      'bindComplete',
      'commandComplete',
      'readyForQuery',
    ),
  ).toEqual([
    'said parsed',
    'parameterDescription',
    'rowDescription',
    'said closed',
    'said parsed',
    'bindComplete',
    'commandComplete',
    'said closed',
    'readyForQuery',
  ])
})

test('after an error nothing is said that the client would not have heard', () => {
  const script = scriptOf('say parsed', 'bind', 'execute', 'say parsed', 'our parse', 'bind', 'execute')
  expect(heard(script, 'bindComplete', 'error', 'readyForQuery')).toEqual([
    'said parsed',
    'bindComplete',
    'error',
    'readyForQuery',
  ])
})

test('a batch of which all is done already is answered before its ReadyForQuery', () => {
  const script = scriptOf('say parsed', 'say closed')
  expect(heard(script, 'readyForQuery')).toEqual(['said parsed', 'said closed', 'readyForQuery'])
  expect(script.due()).toEqual([])
  expect([PARSE_COMPLETE, CLOSE_COMPLETE].map(String)).toEqual(['1\0\0\0\u0004', '3\0\0\0\u0004'])
})

test.each([
  ['bindComplete', 'bind'],
  ['closeComplete', 'close'],
  ['commandComplete', 'execute'],
  ['emptyQuery', 'execute'],
  ['portalSuspended', 'execute'],
  ['noData', 'describe'],
  ['rowDescription', 'describe'],
] as const)('%s ends a step', (type, step) => {
  const script = scriptOf(step, 'say parsed')
  expect(heard(script, type, 'readyForQuery')).toEqual([type, 'said parsed', 'readyForQuery'])
})
