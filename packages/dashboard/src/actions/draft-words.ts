import type { Words } from '../i18n/use-words.js'
import type { Draft } from './draft.js'

/** What an action is called. */
export function titleOf(draft: Draft, { t }: Words): string {
  const key = draft.kind === 'chaos' ? draft.action : draft.kind
  return `${t(`action.${key}`)}: ${'group' in draft ? draft.group : draft.node}`
}

/** What it will do, before anybody says yes. */
export function whatItDoes(draft: Draft, { t }: Words): string {
  switch (draft.kind) {
    case 'switchover':
    case 'failover':
    case 'add-node':
      return t(`does.${draft.kind}`, { group: draft.group })
    case 'remove-node':
      return t('does.remove-node', { node: draft.node })
    case 'chaos':
      return t(`does.${draft.action}`, { node: draft.node })
  }
}
