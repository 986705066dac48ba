import { useWords } from '../i18n/use-words.js'
import { Icon } from '../layout/icon.js'
import { linkTo } from '../layout/route.js'
import type { GroupStatus, NodeStatus } from '../store/topology.js'
import { NodeLog } from './node-log.js'

/** All that is known of one node. */
export function NodePanel({ group, node }: { group: GroupStatus; node: NodeStatus }) {
  const { t, bytes, duration } = useWords()
  const facts: [string, string][] = [
    [t('node.group'), group.name],
    [t('node.role'), t(`role.${node.role}`)],
    [t('node.state'), t(`state.${node.state}`)],
    [t('node.address'), `${node.host}:${node.port}`],
    [t('node.pid'), node.pid === null ? '–' : String(node.pid)],
    ['LSN', node.lsn ?? '–'],
    [t('node.lagBytes'), node.lagBytes === null ? '–' : bytes(node.lagBytes)],
    [t('node.lagMs'), node.lagMs === null ? '–' : duration(node.lagMs)],
    [t('node.sync'), node.sync ?? '–'],
  ]
  return (
    <aside className="card node-panel" aria-label={t('node.about', { node: node.name })}>
      <header>
        <h2>{node.name}</h2>
        <a className="bare" href={linkTo('herd')} aria-label={t('close')}>
          <Icon name="close" />
        </a>
      </header>
      <dl className="pairs">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="links">
        <a href={linkTo('actions', { node: node.name })}>{t('node.act')}</a>
        <a href={linkTo('timeline', { node: node.name })}>{t('node.events')}</a>
      </p>
      <NodeLog node={node.name} />
    </aside>
  )
}
