import type pg from 'pg'
import { expect, test } from 'vitest'
import { type Step, withSetting } from '../../src/shards/session-steps.js'

function kept(...configs: pg.QueryConfig[]): string[] {
  const steps = configs.map((config): Step => ({ kind: 'setting', config, name: null }))
  const settings = steps.reduce<Step[]>(withSetting, [])
  return settings.map(({ config: { text, values } }) => [text, ...(values ?? [])].join(' | '))
}

test('of one name what was set last is kept, however it was said', () => {
  const byCall = (value: string) => `select set_config('app.t', '${value}', false)`
  const byValues = { text: 'SELECT set_config($1, $2, false) as set', values: ['App.T', "it's"] }
  expect(kept({ text: byCall('a') }, { text: byCall("b''") })).toEqual([byCall("b''")])
  expect(kept({ text: byCall('a') }, { text: `set app.t = 'b'` })).toEqual([`set app.t = 'b'`])
  expect(kept({ text: `set app.t to 'b'` }, byValues)).toEqual([`${byValues.text} | App.T | it's`])
  expect(kept({ text: `set app.other to 1` }, { text: byCall('a') })).toHaveLength(2)
})

test.each([
  `select set_config('app.t', 'a', false), set_config('app.u', 'b', false)`,
  `select set_config('app.t', current_user, false)`,
  `select set_config('app.t', 'a', $1)`,
  `select set_config('app.t', 'a', true)`,
])('%s takes the place of nothing', (text) => {
  expect(kept({ text: `set app.t = 'b'` }, { text })).toEqual([`set app.t = 'b'`, text])
})
