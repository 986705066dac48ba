import type { Sample } from '@pgherd/core/api'
import { useEffect, useMemo, useRef, useState } from 'react'
import type uPlot from 'uplot'
import { useWidth } from '../herd/use-width.js'
import { useWords } from '../i18n/use-words.js'
import { chartData } from './chart-data.js'
import type { ChartOf } from './charts.js'
import { drawSoon } from './draw-queue.js'
import { Legend } from './legend.js'
import { lineLook } from './line-look.js'
import { makePlot, showData } from './plot.js'
import type { TimeRange } from './time-range.js'

/** More would be less than a point per pixel. */
const MAX_POINTS = 400

/** One chart with its legend, which also says in words what the lines show. */
export function Chart({
  chart,
  samples,
  range,
  theme,
  onZoom,
}: {
  chart: ChartOf
  samples: readonly Sample[]
  range: TimeRange
  /** The colours a canvas has do not follow the theme by themselves. */
  theme: string
  onZoom: (from: number, to: number) => void
}) {
  const words = useWords()
  const { t } = words
  const [element, width] = useWidth()
  const plot = useRef<uPlot | null>(null)
  const [point, setPoint] = useState<number | null>(null)
  const data = useMemo(() => chartData(samples, chart.pick, chart.gather, MAX_POINTS), [samples, chart])
  const names = data.lines.map(({ name }) => name).join('\n')
  const format = words[chart.unit]

  useEffect(() => {
    if (element.current === null || width === 0 || theme === '') return
    const lines =
      names === '' ? [] : names.split('\n').map((name, index) => ({ name, look: lineLook(index) }))
    const made = makePlot(element.current, { width, lines, format, onZoom, onPoint: setPoint })
    plot.current = made
    return () => {
      plot.current = null
      made.destroy()
    }
  }, [element, width, names, format, onZoom, theme])

  useEffect(() => {
    if (width === 0 || theme === '') return
    drawSoon(() => {
      if (plot.current?.series.length === data.lines.length + 1)
        showData(plot.current, data, range.from, range.to)
    })
  }, [data, range, width, theme])

  return (
    <figure className="card chart" data-chart={chart.id}>
      <figcaption>{t(chart.title)}</figcaption>
      <div ref={element} className="plot" aria-hidden="true" />
      {data.lines.length === 0 && <p className="quiet small">{t('chart.nothing')}</p>}
      <Legend lines={data.lines} point={point} format={format} />
    </figure>
  )
}
