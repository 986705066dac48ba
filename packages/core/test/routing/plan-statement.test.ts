import { describe, expect, test } from 'vitest'
import {
  type Consistency,
  judgeFailure,
  type Progress,
  planStatement,
  type StatementNature,
  type Verdict,
} from '../../src/routing/index.js'

const READ: StatementNature = { reads: true, shared: true, why: null }
const OWN_READ: StatementNature = { reads: true, shared: false, why: 'several statements in one text' }
const WRITE: StatementNature = { reads: false, shared: true, why: 'INSERT writes' }
const UNKNOWN: StatementNature = { reads: false, shared: false, why: 'f() is not known' }

describe('where a statement goes', () => {
  test.each<[string, StatementNature, Consistency, object]>([
    [
      'a read, to a standby that has what its session wrote',
      READ,
      'session',
      { role: 'standby', connection: 'lane', afterOwnWrites: true, maxStalenessMs: null, repeatable: true },
    ],
    [
      'a read that must be current',
      READ,
      'primary',
      { role: 'primary', connection: 'lane', afterOwnWrites: false },
    ],
    [
      'a read that may be old',
      READ,
      'eventual',
      { role: 'standby', afterOwnWrites: false, maxStalenessMs: null },
    ],
    [
      'a read that may be so old',
      READ,
      { bounded: { maxStalenessMs: 500 } },
      { role: 'standby', afterOwnWrites: false, maxStalenessMs: 500 },
    ],
    [
      'a read that leaves a trace',
      OWN_READ,
      'session',
      { role: 'standby', connection: 'own', repeatable: true },
    ],
    ['a write', WRITE, 'session', { role: 'primary', connection: 'own', repeatable: false }],
    ['a write that may be old is a write', WRITE, 'eventual', { role: 'primary', repeatable: false }],
    ['what nobody knows', UNKNOWN, 'session', { role: 'primary', connection: 'own', repeatable: false }],
  ])('%s', (_what, nature, consistency, plan) => {
    expect(planStatement(nature, consistency, 'main')).toMatchObject({
      shards: { kind: 'one', shard: 'main' },
      why: nature.why,
      ...plan,
    })
  })
})

describe('I3: what follows from a failure', () => {
  const READS = true
  const WRITES = false
  test.each<[string, Progress, string | null, 'primary' | 'standby', boolean, Verdict]>([
    ['a write that never left', 'unsent', null, 'primary', WRITES, 'repeat'],
    ['a write the server ended before it took it up', 'unsent', '57P01', 'primary', WRITES, 'repeat'],
    ['a write the server said it rolled back', 'rolled-back', '57P01', 'primary', WRITES, 'repeat'],
    ['a write cut off', 'cut-off', null, 'primary', WRITES, 'unknown'],
    ['a write cut off by a crash', 'cut-off', '57P02', 'primary', WRITES, 'unknown'],
    ['a write cut off on what was thought a standby', 'cut-off', null, 'standby', WRITES, 'unknown'],
    ['a write refused', 'refused', '23505', 'primary', WRITES, 'tell'],
    ['a write that would not serialize', 'refused', '40001', 'primary', WRITES, 'tell'],
    ['a write refused by what is a standby now', 'refused', '25006', 'standby', WRITES, 'repeat'],
    ['a write refused by a primary that only reads', 'refused', '25006', 'primary', WRITES, 'tell'],
    ['a write that met something else on a standby', 'refused', '42P01', 'standby', WRITES, 'tell'],
    ['a read that never left', 'unsent', null, 'standby', READS, 'repeat'],
    ['a read cut off', 'cut-off', null, 'standby', READS, 'repeat'],
    ['a read that was in the way of replay', 'refused', '40001', 'standby', READS, 'repeat'],
    ['a read of a table the standby lacks yet', 'refused', '42P01', 'standby', READS, 'repeat'],
    ['a read of a table the primary lacks', 'refused', '42P01', 'primary', READS, 'tell'],
    ['a read that divides by zero', 'refused', '22012', 'standby', READS, 'tell'],
    ['a read that pg refused to send', 'refused', null, 'standby', READS, 'tell'],
  ])('%s', (_what, progress, sqlState, role, repeatable, verdict) => {
    expect(judgeFailure({ progress, sqlState, role }, repeatable)).toBe(verdict)
  })
})
