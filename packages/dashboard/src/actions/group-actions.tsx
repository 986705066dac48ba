import { useId } from 'react'
import { StateSign } from '../herd/state-sign.js'
import { useWords } from '../i18n/use-words.js'
import { HealthBadge } from '../layout/health-badge.js'
import { type GroupStatus, healthOf, type NodeStatus } from '../store/topology.js'
import type { Draft } from './draft.js'

interface Offer {
  mayAct: boolean
  onChoose: (draft: Draft) => void
}

/** What can be done to a group and to each of its nodes. */
export function GroupActions({
  group,
  selected,
  ...offer
}: Offer & { group: GroupStatus; selected: string | null }) {
  const { t } = useWords()
  const titleId = useId()
  const { name } = group
  const choose = (draft: Draft) => () => offer.onChoose(draft)
  return (
    <section className="card" aria-labelledby={titleId}>
      <header className="row">
        <h2 id={titleId}>{name}</h2>
        <HealthBadge health={healthOf(group)} />
        <div className="buttons">
          <button
            type="button"
            disabled={!offer.mayAct}
            onClick={choose({ kind: 'switchover', group: name, to: null })}
          >
            {t('action.switchover')}
          </button>
          <button
            type="button"
            disabled={!offer.mayAct}
            onClick={choose({ kind: 'failover', group: name, acceptLoss: false })}
          >
            {t('action.failover')}
          </button>
          <button
            type="button"
            disabled={!offer.mayAct}
            onClick={choose({ kind: 'add-node', group: name, count: 1 })}
          >
            {t('action.add-node')}
          </button>
        </div>
      </header>
      <ul className="node-actions">
        {group.nodes.map((node) => (
          <NodeActions key={node.name} node={node} isSelected={node.name === selected} {...offer} />
        ))}
      </ul>
    </section>
  )
}

function NodeActions({
  node,
  isSelected,
  mayAct,
  onChoose,
}: Offer & { node: NodeStatus; isSelected: boolean }) {
  const { t } = useWords()
  const isPaused = node.state === 'paused'
  const labelFor = (action: string) => `${action} ${node.name}`
  const chaos = (action: 'kill' | 'pause' | 'resume', isPossible: boolean) => (
    <button
      type="button"
      aria-label={labelFor(t(`action.${action}`))}
      disabled={!mayAct || !isPossible}
      onClick={() => onChoose({ kind: 'chaos', node: node.name, action })}
    >
      {t(`action.${action}`)}
    </button>
  )
  return (
    <li className={isSelected ? 'is-selected' : undefined}>
      <strong>{node.name}</strong>
      <span className="quiet">{t(`role.${node.role}`)}</span>
      <span className="with-sign quiet">
        <StateSign state={node.state} /> {t(`state.${node.state}`)}
      </span>
      <div className="buttons">
        {chaos('kill', node.pid !== null)}
        {isPaused ? chaos('resume', true) : chaos('pause', node.pid !== null)}
        <button
          type="button"
          aria-label={labelFor(t('action.remove-node'))}
          disabled={!mayAct || node.role === 'primary'}
          title={node.role === 'primary' ? t('action.isPrimary') : undefined}
          onClick={() => onChoose({ kind: 'remove-node', node: node.name })}
        >
          {t('action.remove-node')}
        </button>
      </div>
    </li>
  )
}
