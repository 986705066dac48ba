import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { groupOfNode } from '../store/topology.js'
import { useStateOf } from '../store/use-state-of.js'
import { Connect } from './connect.js'
import { GroupCard } from './group-card.js'
import { NodePanel } from './node-panel.js'
import './herd.css'

/** Groups and nodes as a picture, as they are at this moment. */
export function HerdView({ selected }: { selected: string | null }) {
  const { t } = useWords()
  const topology = useStateOf((state) => state.topology)
  const group = selected === null ? null : groupOfNode(topology, selected)
  const node = group?.nodes.find((each) => each.name === selected)
  return (
    <>
      <h1>{t('nav.herd')}</h1>
      {topology === null ? (
        <Loading />
      ) : topology.groups.length === 0 ? (
        <Empty title={t('herd.empty')} />
      ) : (
        <>
          <Connect />
          <div className="herd">
            <div className="groups">
              {topology.groups.map((each) => (
                <GroupCard key={each.name} group={each} selected={selected} />
              ))}
            </div>
            {group !== null && node !== undefined && <NodePanel key={node.name} group={group} node={node} />}
          </div>
        </>
      )}
    </>
  )
}
