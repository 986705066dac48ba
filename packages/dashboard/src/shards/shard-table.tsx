import type { ShardsView } from '@pgherd/core/api'
import { lineLook } from '../charts/line-look.js'
import { useWords } from '../i18n/use-words.js'

/** What each shard has. */
export function ShardTable({ shards }: { shards: ShardsView }) {
  const { t, count, bytes, share } = useWords()
  return (
    <div className="table-scroll">
      <table>
        <caption className="visually-hidden">{t('shards.has')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('shards.shard')}</th>
            <th scope="col" className="number">
              {t('shards.share')}
            </th>
            <th scope="col" className="number">
              {t('shards.rows')}
            </th>
            <th scope="col" className="number">
              {t('shards.bytes')}
            </th>
          </tr>
        </thead>
        <tbody>
          {shards.shards.map((shard, index) => (
            <tr key={shard.name}>
              <th scope="row">
                <svg className="swatch" width="12" height="12" aria-hidden="true">
                  <rect width="12" height="12" rx="3" fill={lineLook(index).color} />
                </svg>
                {shard.name}{' '}
                {shard.name === shards.home && <span className="tag">{t('placement.home')}</span>}
              </th>
              <td className="number">{shard.share === null ? '–' : share(shard.share)}</td>
              <td className="number">{shard.rows === null ? '–' : count(shard.rows)}</td>
              <td className="number">{shard.bytes === null ? '–' : bytes(shard.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
