import { useId } from 'react'
import { useWords } from '../i18n/use-words.js'
import { HealthBadge } from '../layout/health-badge.js'
import { Icon } from '../layout/icon.js'
import { type GroupStatus, healthOf } from '../store/topology.js'
import { GroupPicture } from './group-picture.js'
import { LastEvent } from './last-event.js'
import { NodeTable } from './node-table.js'

export function GroupCard({ group, selected }: { group: GroupStatus; selected: string | null }) {
  const { t, term } = useWords()
  const titleId = useId()
  return (
    <section className="card group" aria-labelledby={titleId} data-group={group.name}>
      <header>
        <h2 id={titleId}>{group.name}</h2>
        <HealthBadge health={healthOf(group)} />
        {group.phase !== 'steady' && <span className="phase">{term('phase', group.phase)}</span>}
        <dl className="facts">
          <dt>{t('herd.epoch')}</dt>
          <dd className="epoch" key={group.epoch}>
            {group.epoch}
          </dd>
          <dt>{t('herd.durability')}</dt>
          <dd>{group.durability}</dd>
        </dl>
      </header>
      {group.blocked !== null && <Warning title={t('herd.blocked')} text={group.blocked} />}
      {group.stalled !== null && <Warning title={t('herd.stalled')} text={group.stalled} />}
      <GroupPicture group={group} selected={selected} />
      <LastEvent group={group.name} />
      <details>
        <summary>{t('herd.figures')}</summary>
        <NodeTable group={group} />
      </details>
    </section>
  )
}

function Warning({ title, text }: { title: string; text: string }) {
  return (
    <p className="warning">
      <Icon name="warning" />
      <span>
        <strong>{title}</strong> <span lang="en">{text}</span>
      </span>
    </p>
  )
}
