import type { ShardsView } from '@pgherd/core/api'
import { lineLook } from '../charts/line-look.js'
import { useWords } from '../i18n/use-words.js'
import { FiguresTable } from '../layout/figures-table.js'

/** What each shard has. */
export function ShardTable({ shards }: { shards: ShardsView }) {
  const { t, count, bytes, share } = useWords()
  const known = (figure: number | null, format: (figure: number) => string) =>
    figure === null ? '–' : format(figure)
  return (
    <FiguresTable
      caption={t('shards.has')}
      columns={[t('shards.shard'), t('shards.share'), t('shards.rows'), t('shards.bytes')]}
      rows={shards.shards.map((shard, index) => ({
        name: shard.name,
        label: (
          <>
            <svg className="swatch" width="12" height="12" aria-hidden="true">
              <rect width="12" height="12" rx="3" fill={lineLook(index).color} />
            </svg>
            {shard.name} {shard.name === shards.home && <span className="tag">{t('placement.home')}</span>}
          </>
        ),
        figures: [known(shard.share, share), known(shard.rows, count), known(shard.bytes, bytes)],
      }))}
    />
  )
}
