import { expect, test } from 'vitest'
import {
  decideGroup,
  type GroupMemory,
  type NodeObservation,
  newReign,
  type Order,
  unformed,
} from '../../src/failover/index.js'
import { groupOf, hung, primary, quiet, settingsOf, standby, steadyMemory, stopped } from './observed.js'

const settings = settingsOf(3)
const steady = steadyMemory(settings)
const failingOver: GroupMemory = { ...steady, phase: 'failing-over' }
const promoting: GroupMemory = {
  ...steady,
  phase: 'promoting',
  successor: 'n2',
  reigns: [...steady.reigns, newReign(settings, 'n2')],
}
const switching: GroupMemory = { ...steady, phase: 'switching-over', successor: 'n2' }
const died = stopped('n1', { disk: 'primary' })
const fenced = stopped('n1')
const two = [standby('n2'), standby('n3')]

function decide(memory: GroupMemory, nodes: NodeObservation[], order: Order | null = null, group = settings) {
  return decideGroup(group, memory, groupOf(nodes, { order }))
}
const kinds = (decision: ReturnType<typeof decide>) =>
  decision.actions.map((action) => `${action.kind} ${action.node}`)

test('a whole group needs nothing', () => {
  expect(decide(steady, [primary('n1', settings), ...two]).actions).toEqual([])
})

test('a standby that gives no answer and whose slot is lost is made anew; its slot stays until then', () => {
  const waiting = quiet('n2', { disk: 'standby' })
  const lost = primary('n1', settings, { slots: ['n3'], lostSlots: ['n2'], replicas: {} })
  const decision = decide(steady, [lost, waiting, standby('n3')])
  expect(kinds(decision)).toContain('clone n2')
  expect(kinds(decision)).not.toContain('slots n1')
  const copying = decide(steady, [lost, { ...waiting, busy: 'clone' }, standby('n3')])
  expect(kinds(copying)).not.toContain('slots n1')
  const answering = decide(steady, [lost, standby('n2', { streaming: false }), standby('n3')])
  expect(kinds(answering)).toContain('slots n1')
})

test('a standby that says that it replays is left alone, however long that takes', () => {
  const replaying = hung('n2', { disk: 'standby', silentMs: 600_000, lifelessMs: 10 })
  expect(kinds(decide(steady, [primary('n1', settings), replaying, standby('n3')]))).not.toContain('fence n2')
  const dead = { ...replaying, lifelessMs: 20_000 }
  expect(kinds(decide(steady, [primary('n1', settings), dead, standby('n3')]))).toContain('fence n2')
})

test('forming: a primary that cannot be made is not tried again at once', () => {
  const absent = stopped('n1', { disk: 'absent' })
  expect(kinds(decide(unformed('n1'), [absent]))).toEqual(['create n1'])
  expect(kinds(decide(unformed('n1'), [{ ...absent, retryAtMs: 10_001 }]))).toEqual([])
})

test('steady: a primary that exited is fenced before anyone is promoted', () => {
  const decision = decide(steady, [died, ...two])
  expect(decision.memory.phase).toBe('failing-over')
  expect(kinds(decision)).toEqual(['fence n1'])
})

test('steady: a primary that exited is started in place when nobody may take over', () => {
  const decision = decide(steady, [died, standby('n2'), stopped('n3')])
  expect(decision.memory.phase).toBe('steady')
  expect(kinds(decision)).toContain('start n1')
})

test('steady: a primary that hangs with nobody to take over is waited for, and that is said', () => {
  const one = settingsOf(1)
  const decision = decide(steadyMemory(one), [hung('n1')], null, one)
  expect(decision).toMatchObject({ actions: [], blocked: expect.stringContaining('n1 does not answer') })
})

test('steady: a primary that lost its data is not made anew from nothing', () => {
  const decision = decide(steady, [stopped('n1', { disk: 'absent' }), standby('n2'), stopped('n3')])
  expect(decision.memory.phase).toBe('failing-over')
  expect(kinds(decision)).not.toContain('create n1')
})

test('failing over: nobody is chosen while the old primary could be started as one', () => {
  expect(kinds(decide(failingOver, [died, ...two]))).toEqual(['fence n1'])
})

test('failing over: the choice is on record before the promotion is asked for', () => {
  const decision = decide(failingOver, [fenced, ...two])
  expect(decision.memory).toMatchObject({ phase: 'promoting', successor: 'n2', epoch: 1 })
  expect(decision.memory.reigns.map((reign) => reign.primary)).toEqual(['n1', 'n2'])
  expect(kinds(decision)).toEqual(['slots n2', 'promote n2', 'follow n3'])
})

test('failing over: when nobody may take over, the old primary is started as a standby and helps', () => {
  const decision = decide(failingOver, [fenced, standby('n2'), stopped('n3', { disk: 'absent' })])
  expect(decision.blocked).toContain('n3 has no data')
  expect(kinds(decision)).toContain('start n1')
  const helped = decide(failingOver, [standby('n1'), standby('n2'), stopped('n3', { disk: 'absent' })])
  expect(helped.memory).toMatchObject({ phase: 'promoting', successor: 'n1' })
})

test('promoting: a successor that hangs is fenced before another one is chosen', () => {
  const hanging = decide(promoting, [fenced, hung('n2', { disk: 'standby' }), standby('n3')])
  expect(hanging.memory.phase).toBe('promoting')
  expect(kinds(hanging)).toContain('fence n2')
  const gone = decide(promoting, [fenced, stopped('n2'), standby('n3')])
  expect(gone.memory).toMatchObject({ phase: 'failing-over', successor: null })
})

test('promoting: what answered before a failed successor was fenced does not count', () => {
  const memory = { ...promoting, phase: 'failing-over' as const, successor: null }
  const nodes = [standby('n1'), stopped('n2', { lastStoppedAtMs: 9_995 }), standby('n3')]
  expect(decide(memory, nodes).memory.phase).toBe('failing-over')
  const fresh = [
    standby('n1', { askedAtMs: 9_996 }),
    nodes[1] as NodeObservation,
    standby('n3', { askedAtMs: 9_996 }),
  ]
  expect(decide(memory, fresh).memory.phase).toBe('promoting')
})

test('promoting: the epoch grows when the successor writes, not before', () => {
  const decision = decide(promoting, [fenced, primary('n2', settings, { timeline: 2 }), standby('n3')])
  expect(decision.memory).toMatchObject({
    phase: 'steady',
    epoch: 2,
    primary: 'n2',
    timeline: 2,
    successor: null,
  })
})

test('a node chosen again has one reign, under every rule it may have had', () => {
  const memory: GroupMemory = {
    ...failingOver,
    reigns: [
      { primary: 'n2', rules: [{ count: 1, members: ['n3'] }], settleLsn: null },
      newReign(settings, 'n1'),
    ],
  }
  const { reigns } = decide(memory, [fenced, ...two]).memory
  expect(reigns.map((reign) => reign.primary)).toEqual(['n1', 'n2'])
  expect(reigns[1]?.rules).toEqual([
    { count: 1, members: ['n3'] },
    { count: 1, members: ['n1', 'n3'] },
  ])
})

test('switching over: the primary is fenced only once the successor has its shutdown checkpoint', () => {
  const down = stopped('n1', { disk: 'primary', cleanShutdownLsn: 1000 })
  expect(kinds(decide(switching, [down, standby('n2', { lsn: 1000 }), standby('n3')]))).toEqual([])
  expect(kinds(decide(switching, [down, standby('n2', { lsn: 1001 }), standby('n3')]))).toEqual(['fence n1'])
})

test('switching over: a primary that crashes meanwhile is a case for failover', () => {
  expect(decide(switching, [died, ...two]).memory.phase).toBe('failing-over')
})

test('a rival is killed while the primary serves, and is not trusted until it streams again', () => {
  const rival = primary('n2', settings, { timeline: 2 })
  const decision = decide(steady, [primary('n1', settings), rival, standby('n3')])
  expect(kinds(decision)).toEqual(['fence n2'])
  expect(decision.memory.astray).toEqual(['n2'])
  const back = decide(decision.memory, [primary('n1', settings), ...two])
  expect(back.memory.astray).toBe(undefined)
})

test('I2 a rival is taken as the primary only after the stopped one is fenced, and old data is kept', () => {
  const rival = primary('n2', settings, { timeline: 2 })
  expect(decide(steady, [died, rival, standby('n3')])).toMatchObject({
    memory: { phase: 'steady', epoch: 1 },
    actions: [{ kind: 'fence', node: 'n1' }],
  })
  const adopted = decide(steady, [fenced, rival, standby('n3')])
  expect(adopted.memory).toMatchObject({ phase: 'promoting', successor: 'n2', lossAccepted: true })
})

test('I7 a node that was promoted by hand is copied anew beside its old data', () => {
  const nodes = [primary('n1', settings), standby('n2', { timeline: 2, streaming: false }), standby('n3')]
  expect(decide(steady, nodes).actions).toContainEqual(
    expect.objectContaining({ kind: 'clone', node: 'n2', keep: true }),
  )
})

test('an accepted loss counts for this failover and not for the next one', () => {
  const order: Order = { kind: 'failover', acceptLoss: true }
  const lonely = [fenced, standby('n2'), stopped('n3')]
  const accepted = decide(failingOver, lonely, order)
  expect(accepted).toMatchObject({
    reply: { accepted: true },
    memory: { phase: 'promoting', successor: 'n2' },
  })
  expect(accepted.memory.reigns.map((reign) => reign.primary)).toEqual(['n2'])
  const next: GroupMemory = { ...accepted.memory, phase: 'failing-over', primary: 'n2', successor: null }
  const blocked = decide(next, [standby('n1'), stopped('n2'), stopped('n3')])
  expect(blocked.blocked).toContain('may be only on a node that is not in reach')
})

test('an order that would lose writes is refused with the nodes it would need', () => {
  const reply = decide(steady, [died, standby('n2'), quiet('n3')], {
    kind: 'failover',
    acceptLoss: false,
  }).reply
  expect(reply).toMatchObject({ accepted: false, reason: expect.stringContaining('n3 is starting') })
})

test('a standby that receives nothing though both ends are well is started again, not copied', () => {
  const settings = settingsOf(3)
  const cutOff = standby('n3', { streaming: false }, { cutOffMs: 5000 })
  const seen = groupOf([primary('n1', settings), standby('n2'), cutOff])
  const decision = decideGroup(settings, steadyMemory(settings), seen)
  expect(decision.actions).toContainEqual({ kind: 'fence', node: 'n3' })
  expect(decision.events.map((event) => event.kind)).toContain('standby-restarted')
  const lately = groupOf([primary('n1', settings), standby('n2'), standby('n3', { streaming: false })])
  expect(decideGroup(settings, steadyMemory(settings), lately).actions).not.toContainEqual({
    kind: 'fence',
    node: 'n3',
  })
})
