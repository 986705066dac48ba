import type { ReactNode } from 'react'
import type { MessageKey } from '../i18n/translate.js'
import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'
import { ACTIONS, type AuditFilter, askedFor, OUTCOMES } from './audit-filter.js'

/** Which entries are wanted; a choice begins with the newest again. */
export function AuditFilters({
  filter,
  callers,
  children,
}: {
  filter: AuditFilter
  callers: readonly string[]
  /** What stands beside them. */
  children: ReactNode
}) {
  const { t } = useWords()
  const named = (names: Readonly<Record<string, MessageKey>>) =>
    Object.entries(names).map(([value, key]): [string, string] => [value, t(key)])
  const choice = (name: 'action' | 'who' | 'outcome', options: [value: string, label: string][]) => (
    <label>
      {t(`audit.${name}`)}
      <select
        value={filter[name]}
        onChange={({ target }) => {
          const changed = { ...filter, before: '', [name]: target.value }
          window.location.replace(linkTo('audit', askedFor(changed)))
        }}
      >
        <option value="">{t('timeline.any')}</option>
        {options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <search className="filters">
      {choice('action', named(ACTIONS))}
      {choice(
        'who',
        callers.map((each) => [each, each]),
      )}
      {choice('outcome', named(OUTCOMES))}
      {children}
    </search>
  )
}
