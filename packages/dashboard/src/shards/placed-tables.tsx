import type { ShardsView } from '@pgherd/core/api'
import { useId } from 'react'
import { useWords } from '../i18n/use-words.js'

/** How the rows of each table lie over the shards. */
export function PlacedTables({ shards }: { shards: ShardsView }) {
  const { t, count } = useWords()
  const titleId = useId()
  return (
    <section className="card" aria-labelledby={titleId}>
      <h2 id={titleId}>{t('shards.tables')}</h2>
      <div className="table-scroll">
        <table>
          <caption className="visually-hidden">{t('shards.tables')}</caption>
          <thead>
            <tr>
              <th scope="col">{t('shards.table')}</th>
              <th scope="col">{t('shards.kind')}</th>
              <th scope="col">{t('tables.key')}</th>
              {shards.shards.map(({ name }) => (
                <th key={name} scope="col" className="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shards.tables.map((table) => (
              <tr key={table.name}>
                <th scope="row">{table.name}</th>
                <td>{t(`placement.${table.kind}`)}</td>
                <td>{table.key.join(', ') || '–'}</td>
                {shards.shards.map(({ name }) => {
                  const rows = table.perShard.find(({ shard }) => shard === name)?.rows ?? null
                  return (
                    <td key={name} className="number">
                      {rows === null ? '–' : count(rows)}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
