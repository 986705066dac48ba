import { expect, test } from 'vitest'
import {
  ask,
  becomeWhole,
  failureOf,
  kindsOf,
  open,
  primaryName,
  specOf,
  until,
  wholeHerd,
} from './scratch-herds.js'
import { expectNothingLost, startWriters } from './writers.js'

const TIMEOUT = { timeout: 240_000 }

test('changed settings are in force on every node after the next start', TIMEOUT, async () => {
  const { herd, stateDir } = await wholeHerd('groups: [{ nodes: 2 }]')
  await herd.stop()
  const changed = specOf(
    'postgres: { settings: { shared_buffers: 24MB, work_mem: 9MB } }\ngroups: [{ nodes: 2 }]',
  )
  const next = await open(changed, stateDir)
  await becomeWhole(next)
  for (const node of ['main-1', 'main-2']) {
    expect(
      await ask(
        next,
        node,
        `select current_setting('work_mem') as mem, current_setting('shared_buffers') as buffers`,
      ),
    ).toEqual([{ mem: '9MB', buffers: '24MB' }])
  }
})

test('what a herd was made from cannot be changed under it', TIMEOUT, async () => {
  const { herd, stateDir } = await wholeHerd('groups: [{ nodes: 1 }]')
  await herd.stop()
  const small = 'postgres: { settings: { shared_buffers: 16MB } }\n'
  const changes = {
    'postgres.version 18': specOf('postgres: { version: 17 }\ngroups: [{ nodes: 1 }]'),
    'main of 1 (the spec now says main of 2)': specOf(`${small}groups: [{ nodes: 2 }]`),
    'database scratch (the spec now says other)': specOf(`${small}database: other\ngroups: [{ nodes: 1 }]`),
  }
  for (const [said, spec] of Object.entries(changes)) {
    const refused = await failureOf(open(spec, stateDir))
    expect(refused.code).toBe('SPEC_CHANGED')
    expect(refused.message).toContain(said)
    expect(refused.hint).toContain('pgherd down --destroy')
  }
  const same = await open(specOf('groups: [{ nodes: 1 }]'), stateDir)
  await becomeWhole(same)
})

test(
  'I1: a rule of acknowledgement that somebody changed with ALTER SYSTEM is put back, and told',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd()
    const rule = async (): Promise<unknown> =>
      (
        await ask<{ synchronous_standby_names: string }>(
          herd,
          primaryName(herd),
          'show synchronous_standby_names',
        )
      )[0]?.synchronous_standby_names
    let told = 0
    for (const value of ['', '"main-2"', 'FIRST 2 (*)']) {
      await ask(herd, 'main-1', `alter system set synchronous_standby_names = '${value}'`)
      await ask(herd, 'main-1', 'select pg_reload_conf()')
      told += 1
      await until(
        `"${value}" is told`,
        () => kindsOf(herd).filter((kind) => kind === 'settings-taken-back').length === told,
      )
      await until(`"${value}" is not in force`, async () => (await rule()) === 'ANY 1 ("main-2", "main-3")')
    }
    expect(herd.events.recent().find((event) => event.kind === 'settings-taken-back')?.message).toMatch(
      /synchronous_standby_names was changed with ALTER SYSTEM on main-1/,
    )
    const writers = await startWriters(herd)
    await herd.disturb('main-1', 'kill')
    await writers.more(50)
    await becomeWhole(herd)
    await writers.stop()
    await expectNothingLost(herd, writers)
  },
)

test(
  'what ALTER SYSTEM changed while a herd was stopped, or on a standby, is taken back at its start',
  TIMEOUT,
  async () => {
    const { herd, stateDir, spec } = await wholeHerd('groups: [{ nodes: 2 }]')
    await ask(herd, 'main-2', `alter system set primary_conninfo = 'host=127.0.0.1 port=1'`)
    await ask(herd, 'main-1', `alter system set synchronous_standby_names = ''`)
    await herd.stop()
    const next = await open(spec, stateDir)
    await becomeWhole(next)
    expect(await ask(next, 'main-1', 'show synchronous_standby_names')).toEqual([
      { synchronous_standby_names: 'ANY 1 ("main-2")' },
    ])
    expect(kindsOf(next).filter((kind) => kind === 'settings-taken-back')).toHaveLength(2)
  },
)
