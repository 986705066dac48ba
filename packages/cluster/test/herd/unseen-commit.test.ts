import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { ask, becomeWhole, connect, dataOf, killNode, until, wholeHerd } from './scratch-herds.js'

test('I4: a commit that has waited for a new standby is seen there soon after it is acknowledged', {
  timeout: 120_000,
}, async () => {
  const { herd } = await wholeHerd('groups: [{ name: main, nodes: 2 }]')
  const app = await connect(herd.dsn('main-1'))
  await app.query('create table notes (id int)')
  await herd.disturb('main-2', 'pause')
  const waiting = app.query('insert into notes values (1)')
  // It can only be made anew, from a primary on which that commit waits.
  rmSync(join(dataOf(herd, 'main-2'), 'global'), { recursive: true, force: true })
  killNode(herd, 'main-2')
  await waiting
  // By itself PostgreSQL would show it with its next record of running transactions, 15 s after the last.
  await until(
    'the standby shows it',
    async () => {
      const rows = await ask<{ n: number }>(herd, 'main-2', 'select count(*)::int as n from notes').catch(
        () => [],
      )
      return rows[0]?.n === 1
    },
    4000,
  )
  await becomeWhole(herd)
})
