import type { Sample } from '@pgherd/core/api'
import { useEffect, useRef, useState } from 'react'
import type uPlot from 'uplot'
import { useWidth } from '../herd/use-width.js'
import { useWords } from '../i18n/use-words.js'
import { type ChartData, chartData, inOrder } from './chart-data.js'
import type { ChartOf } from './charts.js'
import { drawSoon } from './draw-queue.js'
import { Legend } from './legend.js'
import { lookOf } from './line-look.js'
import { makePlot, showData } from './plot.js'
import { tickSteps } from './tick-steps.js'
import { MAX_POINTS, type TimeRange } from './time-range.js'

/** What is worked out for one drawing, in its own turn. */
interface Shown {
  data: ChartData
  range: TimeRange
}

/** One chart with its legend, which also says in words what the lines show. */
export function Chart({
  chart,
  samples,
  nodes,
  range,
  theme,
  onZoom,
}: {
  chart: ChartOf
  samples: readonly Sample[]
  /** All there are, in their order. */
  nodes: readonly string[]
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
  const [shown, setShown] = useState<Shown | null>(null)
  const lines = shown?.data.lines ?? []
  const names = lines.map(({ name }) => name).join('\n')
  const format = words[chart.unit]

  useEffect(() => {
    if (element.current === null || width === 0 || theme === '') return
    const looks = names === '' ? [] : names.split('\n').map((name, index) => lookOf(name, index, nodes))
    const made = makePlot(element.current, {
      width,
      looks,
      format,
      steps: tickSteps(chart.unit),
      onZoom,
      onPoint: setPoint,
    })
    plot.current = made
    return () => {
      plot.current = null
      made.destroy()
    }
  }, [element, width, names, chart.unit, format, onZoom, theme, nodes])

  useEffect(() => {
    drawSoon(chart.id, () =>
      setShown({ data: inOrder(chartData(samples, chart.pick, chart.gather, MAX_POINTS), nodes), range }),
    )
  }, [chart, samples, range, nodes])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a plot that was made anew is empty
  useEffect(() => {
    if (plot.current !== null && shown !== null) showData(plot.current, shown.data, shown.range)
  }, [shown, width, format, theme])

  return (
    <figure className="card chart" data-chart={chart.id}>
      <figcaption>{t(chart.title)}</figcaption>
      <div ref={element} className="plot" aria-hidden="true" />
      {shown !== null && lines.length === 0 && <p className="quiet small">{t('chart.nothing')}</p>}
      <Legend lines={lines} nodes={nodes} point={point} format={format} />
    </figure>
  )
}
