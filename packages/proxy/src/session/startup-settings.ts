import type { Consistency } from '@pgherd/core/routing'
import { readSetting } from './consistency-hint.js'

/** What a startup packet says of the session, parted into what servers set and what the proxy heeds. */
export interface StartupSettings {
  readonly settings: ReadonlyMap<string, string>
  readonly consistency: Consistency
}

const SETTING = 'pgherd.consistency'
/** The same in `options`, as libpq sends PGOPTIONS. */
const OPTION = /(^|\s)(?:-c\s*|--)pgherd\.consistency=((?:\\.|\S)+)/
const NO_SETTINGS: ReadonlySet<string> = new Set([
  'user',
  'database',
  'replication',
  'application_name',
  SETTING,
])

/** Throws RangeError with PostgreSQL's words when the consistency is none. */
export function readStartupSettings(parameters: ReadonlyMap<string, string>): StartupSettings {
  const settings = new Map(
    [...parameters].filter(([name]) => !NO_SETTINGS.has(name) && !name.startsWith('_pq_.')),
  )
  let value = parameters.get(SETTING)
  const options = settings.get('options')
  const match = options === undefined ? null : OPTION.exec(options)
  if (options !== undefined && match !== null) {
    value = match[2]?.replace(/\\(.)/g, '$1')
    settings.set('options', options.replace(OPTION, '$1').trim())
  }
  if (value === undefined) return { settings, consistency: 'session' }
  const consistency = readSetting(value)
  if (consistency === null) throw new RangeError(`invalid value for parameter "${SETTING}": "${value}"`)
  return { settings, consistency }
}
