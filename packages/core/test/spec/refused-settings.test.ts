import { describe, expect, test } from 'vitest'
import { parseSpec } from '../../src/spec/index.js'
import { REFUSED_SETTINGS } from '../../src/spec/setting-rules.js'
import { problemsOf } from './problems-of.js'

const withSetting = (line: string, group = '{}') =>
  `name: a\ngroups: [${group}]\npostgres:\n  settings:\n    ${line}\n`
const FAST = '{ durability: fast }'

describe('a setting that pgherd owns', () => {
  test.each(Object.entries(REFUSED_SETTINGS))('%s is refused with the reason', (name, reason) => {
    expect(problemsOf(withSetting(`${name}: x`, FAST))).toBe(
      `herd.yaml:5:5: postgres.settings.${name} cannot be set: ${reason}`,
    )
  })

  test.each(['minimal', 'Minimal', 'archive', '0'])('wal_level %s is refused', (value) => {
    expect(problemsOf(withSetting(`wal_level: ${value}`, FAST))).toBe(
      'herd.yaml:5:5: postgres.settings.wal_level must be replica or logical, because standbys replay the write-ahead log',
    )
  })

  test.each(['replica', 'logical', 'Logical'])('wal_level %s is not', (value) => {
    expect(parseSpec(withSetting(`wal_level: ${value}`), 'herd.yaml').postgres.settings.wal_level).toBe(value)
  })
})

describe.each(['max_wal_senders', 'max_replication_slots'])('%s', (name) => {
  test.each(['2', '0', '-1', 'true', '"2"'])('%s is too few for three nodes', (value) => {
    expect(problemsOf(withSetting(`${name}: ${value}`))).toMatch(
      new RegExp(`postgres.settings.${name} must be at least 3, because a group has 3 nodes, not`),
    )
  })

  test.each(['3', '"20"'])('%s is enough', (value) => {
    expect(() => parseSpec(withSetting(`${name}: ${value}`), 'herd.yaml')).not.toThrow()
  })
})

describe('under zero-loss (I1)', () => {
  const off = ['off', 'OFF', 'false', 'no', '0', '"off"', 'of', 'f', 'n']

  test.each(off)('fsync: %s is refused', (value) => {
    expect(problemsOf(withSetting(`fsync: ${value}`))).toBe(
      'herd.yaml:5:5: postgres.settings.fsync must be on, or a crash can lose acknowledged writes (group "main" is zero-loss)',
    )
  })

  test.each(off)('full_page_writes: %s is refused', (value) => {
    expect(problemsOf(withSetting(`full_page_writes: ${value}`))).toContain(
      'postgres.settings.full_page_writes must be on, or a crash can corrupt pages',
    )
  })

  test.each([...off, 'local', 'remote_write', 'Remote_Write'])(
    'synchronous_commit: %s is refused',
    (value) => {
      expect(problemsOf(withSetting(`synchronous_commit: ${value}`))).toContain(
        'must be on or remote_apply, or a commit is acknowledged before a standby has it on disk',
      )
    },
  )

  test.each(['synchronous_commit: remote_apply', 'synchronous_commit: on', 'fsync: true', 'fsync: 1'])(
    '%s is not',
    (line) => {
      expect(() => parseSpec(withSetting(line), 'herd.yaml')).not.toThrow()
    },
  )

  test('one zero-loss group among fast ones is enough', () => {
    expect(problemsOf(withSetting('fsync: off', '{ name: x, durability: fast }, { name: y }'))).toContain(
      '(group "y" is zero-loss)',
    )
  })
})

test.each(['fsync: off', 'full_page_writes: off', 'synchronous_commit: local'])(
  'under fast, %s is the person’s choice',
  (line) => {
    expect(() => parseSpec(withSetting(line, FAST), 'herd.yaml')).not.toThrow()
  },
)

describe('a setting that cannot be written to postgresql.conf', () => {
  test.each(['Work_Mem', 'work mem', '1a', 'a=b', '"a\\nport"', '""', 'Port', '"port "'])(
    'has the name %s',
    (name) => {
      expect(problemsOf(withSetting(`${name}: 1`))).toMatch(
        /^herd.yaml:5:5: postgres.settings: ".*" is not the name of a setting; those are lower-case letters, digits, underscores and dots$/,
      )
    },
  )

  test.each([
    '"a\\nfsync = off"',
    '"a\\rb"',
    '"a\\0b"',
    '[1]',
    '{}',
    '.inf',
    '.nan',
    '99999999999999999999',
    'null',
  ])('has the value %s', (value) => {
    expect(problemsOf(withSetting(`work_mem: ${value}`))).toContain(
      'postgres.settings.work_mem must be text on one line, a number, true or false, not ',
    )
  })
})
