import type { CSSProperties } from 'react'
import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'
import type { NodeStatus } from '../store/topology.js'
import { LINE_HEIGHT } from './layout-group.js'
import { StateSign } from './state-sign.js'

/** A node in the picture; it leads to all that is known of the node. */
export function NodeButton({
  node,
  style,
  isSelected,
}: {
  node: NodeStatus
  style: CSSProperties
  isSelected: boolean
}) {
  const { t } = useWords()
  return (
    <a
      className={`node node-${node.role} ${style.height === LINE_HEIGHT ? 'node-line' : ''}`}
      href={linkTo('herd', isSelected ? {} : { node: node.name })}
      aria-current={isSelected ? 'true' : undefined}
      style={style}
      data-node={node.name}
      data-role={node.role}
      data-state={node.state}
    >
      <span className="node-name">{node.name}</span>
      <span className="node-role">{t(`role.${node.role}`)}</span>
      <span className="node-state">
        <StateSign state={node.state} />
        {t(`state.${node.state}`)}
      </span>
      <span className="node-sync">{node.sync ?? ''}</span>
    </a>
  )
}
