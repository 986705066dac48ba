import type { Sample } from '@pgherd/core/api'
import { formatClock } from '../format/clock.js'
import { useWords } from '../i18n/use-words.js'
import { MOVES, type Move, moveRange } from './move-range.js'
import type { TimeRange } from './time-range.js'

const SIGNS: Record<Move, string> = { closer: '+', wider: '−', earlier: '←', later: '→' }

/**
 * Looks closer and goes back without a pointer, and says to a screen reader what is shown then. No button is ever
 * taken away or disabled: whoever is on it would lose their place.
 */
export function ZoomControls({
  samples,
  range,
  isZoomed,
  onZoom,
}: {
  samples: readonly Sample[]
  range: TimeRange
  isZoomed: boolean
  /** Null: back to now. */
  onZoom: (range: TimeRange | null) => void
}) {
  const { t } = useWords()
  const all = { from: (samples[0]?.at ?? 0) / 1000, to: (samples.at(-1)?.at ?? 0) / 1000 }
  return (
    <>
      <fieldset className="windows">
        <legend className="visually-hidden">{t('chart.zoom')}</legend>
        {MOVES.map((move) => (
          <button
            key={move}
            type="button"
            aria-label={t(`chart.${move}`)}
            title={t(`chart.${move}`)}
            onClick={() => onZoom(moveRange(range, move, all))}
          >
            {SIGNS[move]}
          </button>
        ))}
        <button type="button" aria-disabled={!isZoomed} onClick={() => onZoom(null)}>
          {t('chart.live')}
        </button>
      </fieldset>
      <p className="quiet small" role="status">
        {isZoomed ? (
          t('chart.shown', { from: clockOf(range.from), to: clockOf(range.to) })
        ) : (
          <span className="with-pointer">{t('chart.howToZoom')}</span>
        )}
      </p>
    </>
  )
}

function clockOf(seconds: number): string {
  return formatClock(new Date(seconds * 1000)).slice(0, 8)
}
