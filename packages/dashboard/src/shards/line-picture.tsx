import type { KeyPlace, ShardsView } from '@pgherd/core/api'
import { lineLook } from '../charts/line-look.js'
import { useWords } from '../i18n/use-words.js'
import { arcPath, pointAt, segmentsOf } from './ring.js'

/** The line of all keys and whose each stretch is: bent to a ring where keys are hashed, else straight. */
export function LinePicture({ shards, place }: { shards: ShardsView; place: KeyPlace | null }) {
  const { t } = useWords()
  const segments = segmentsOf(shards.stretches)
  const colorOf = (shard: string) => lineLook(shards.shards.findIndex(({ name }) => name === shard)).color
  const label = t('shards.picture', { count: shards.stretchCount, shards: shards.shards.length })
  const mark = place?.start ?? null
  if (shards.strategy === 'range')
    return (
      <svg className="line" viewBox="0 0 1000 70" role="img" aria-label={label}>
        {segments.map(({ from, to, shard }) => (
          <g key={from}>
            <rect x={from * 1000} y="18" width={(to - from) * 1000} height="36" fill={colorOf(shard)}>
              <title>{shard}</title>
            </rect>
            <path d={`M${from * 1000} 12v48`} className="cut" />
          </g>
        ))}
        {mark !== null && <path d={`M${mark * 1000} 16l-7-14h14z`} className="mark" />}
      </svg>
    )
  return (
    <svg className="ring" viewBox="-110 -110 220 220" role="img" aria-label={label}>
      {segments.map((segment) => (
        <path key={segment.from} d={arcPath(segment, 66, 96)} fill={colorOf(segment.shard)}>
          <title>{segment.shard}</title>
        </path>
      ))}
      {mark !== null && (
        <>
          <path d={`M${pointAt(mark, 60)} L${pointAt(mark, 103)}`} className="mark-line" />
          <circle
            cx={pointAt(mark, 104).split(' ')[0]}
            cy={pointAt(mark, 104).split(' ')[1]}
            r="4"
            className="mark"
          />
        </>
      )}
      <text textAnchor="middle" y="-4" className="ring-count">
        {shards.shards.length}
      </text>
      <text textAnchor="middle" y="14">
        {t('shards.count')}
      </text>
    </svg>
  )
}
