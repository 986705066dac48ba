import type { SqlPlan } from '@pgherd/core/api'
import type { ReactNode } from 'react'
import { useWords } from '../i18n/use-words.js'

/** Where a statement went: over which connection, to which groups, on which node, and why. */
export function PlanPicture({ plan }: { plan: SqlPlan }) {
  const { t } = useWords()
  const stations: [string, ReactNode][] = [
    [t('plan.kind'), t(`plan.${plan.kind}`)],
    [t('plan.connection'), plan.connection === null ? '–' : t(`plan.${plan.connection}`)],
    [t('plan.groups'), plan.groups.map((group) => <span key={group}>{group}</span>)],
    [
      t('plan.node'),
      <>
        <span>{plan.node ?? t('plan.severalNodes')}</span>
        {plan.role !== null && <span className="quiet">{t(`role.${plan.role}`)}</span>}
      </>,
    ],
  ]
  return (
    <div className="plan">
      <ol>
        {stations.map(([name, what]) => (
          <li key={name}>
            <span className="plan-name">{name}</span>
            <span className="plan-what">{what}</span>
          </li>
        ))}
      </ol>
      <p>
        <span className="quiet">{t('plan.why')}</span> <span lang="en">{plan.why}</span>
      </p>
    </div>
  )
}
