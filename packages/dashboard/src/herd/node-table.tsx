import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'
import type { GroupStatus } from '../store/topology.js'
import { StateSign } from './state-sign.js'

/** The same as the picture in figures. */
export function NodeTable({ group }: { group: GroupStatus }) {
  const { t, bytes, duration } = useWords()
  return (
    <div className="table-scroll">
      <table>
        <caption className="visually-hidden">{t('herd.nodesOf', { group: group.name })}</caption>
        <thead>
          <tr>
            <th scope="col">{t('node.name')}</th>
            <th scope="col">{t('node.role')}</th>
            <th scope="col">{t('node.state')}</th>
            <th scope="col">{t('node.address')}</th>
            <th scope="col" className="number">
              LSN
            </th>
            <th scope="col" className="number">
              {t('node.lag')}
            </th>
            <th scope="col">{t('node.sync')}</th>
          </tr>
        </thead>
        <tbody>
          {group.nodes.map((node) => (
            <tr key={node.name}>
              <th scope="row">
                <a href={linkTo('herd', { node: node.name })}>{node.name}</a>
              </th>
              <td>{t(`role.${node.role}`)}</td>
              <td className="with-sign">
                <StateSign state={node.state} /> {t(`state.${node.state}`)}
              </td>
              <td>
                {node.host}:{node.port}
              </td>
              <td className="number">{node.lsn ?? '–'}</td>
              <td className="number">
                {node.lagBytes === null ? '–' : bytes(node.lagBytes)}
                {node.lagMs === null ? '' : ` · ${duration(node.lagMs)}`}
              </td>
              <td>{node.sync ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
