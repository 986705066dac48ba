import { useWords } from '../i18n/use-words.js'
import { useStateOf } from '../store/use-state-of.js'
import type { Draft } from './draft.js'

/** What there is to choose about an action. */
export function DraftOptions({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  switch (draft.kind) {
    case 'switchover':
      return <Target draft={draft} onChange={onChange} />
    case 'failover':
      return <AcceptLoss draft={draft} onChange={onChange} />
    case 'add-node':
      return <Count draft={draft} onChange={onChange} />
    default:
      return null
  }
}

interface Options<Kind> {
  draft: Extract<Draft, { kind: Kind }>
  onChange: (draft: Draft) => void
}

function Target({ draft, onChange }: Options<'switchover'>) {
  const { t } = useWords()
  const nodes = useStateOf((state) => state.topology?.groups.find(({ name }) => name === draft.group)?.nodes)
  return (
    <label>
      {t('action.to')}
      <select
        value={draft.to ?? ''}
        onChange={(event) =>
          onChange({ ...draft, to: event.target.value === '' ? null : event.target.value })
        }
      >
        <option value="">{t('action.toBest')}</option>
        {nodes
          ?.filter((node) => node.role === 'standby')
          .map((node) => (
            <option key={node.name} value={node.name}>
              {node.name} ({t(`state.${node.state}`)})
            </option>
          ))}
      </select>
    </label>
  )
}

function AcceptLoss({ draft, onChange }: Options<'failover'>) {
  const { t } = useWords()
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={draft.acceptLoss}
        onChange={(event) => onChange({ ...draft, acceptLoss: event.target.checked })}
      />
      <span>{t('action.acceptLoss')}</span>
    </label>
  )
}

function Count({ draft, onChange }: Options<'add-node'>) {
  const { t } = useWords()
  return (
    <label>
      {t('action.count')}
      <input
        type="number"
        min={1}
        max={5}
        required
        value={draft.count}
        onChange={(event) => onChange({ ...draft, count: event.target.valueAsNumber || 1 })}
      />
    </label>
  )
}
