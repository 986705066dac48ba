import uPlot from 'uplot'
import { formatClock } from '../format/clock.js'
import type { ChartData } from './chart-data.js'
import { type LineLook, resolveColor } from './line-look.js'
import type { TimeRange } from './time-range.js'

export interface PlotOptions {
  width: number
  looks: LineLook[]
  format: (value: number) => string
  /** The steps that look round in this unit. */
  steps: number[]
  /** A stretch of time was marked with the pointer: seconds since 1970. */
  onZoom: (from: number, to: number) => void
  /** Under the pointer is the point of this number; null: nothing. */
  onPoint: (index: number | null) => void
}

const HEIGHT_PX = 190
const SYNC_KEY = 'pgherd'

/** A plot in the colours of the theme; the caller destroys it. */
export function makePlot(element: HTMLElement, options: PlotOptions): uPlot {
  const { width, looks, format, steps, onZoom, onPoint } = options
  const color = (name: string) => resolveColor(`var(--${name})`, element)
  const axis = {
    stroke: color('quiet'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, "Liberation Sans", sans-serif',
  }
  return new uPlot(
    {
      width,
      height: HEIGHT_PX,
      legend: { show: false },
      // All charts show the same moment under the pointer, and all zoom together.
      cursor: { sync: { key: SYNC_KEY }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: { y: { range: (_, __, max) => [0, Math.max(max, 1) * 1.05] } },
      axes: [
        { ...axis, space: 70, size: 28, values: (_, ticks) => ticks.map(formatTick) },
        {
          ...axis,
          size: 62,
          values: (_, ticks) => ticks.map((tick) => format(tick)),
          incrs: steps,
        },
      ],
      series: [
        {},
        ...looks.map((look) => ({
          stroke: resolveColor(look.color, element),
          dash: look.dash,
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width: selected } = plot.select
            if (selected > 3) onZoom(plot.posToVal(left, 'x'), plot.posToVal(left + selected, 'x'))
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
        setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)],
      },
    },
    [[], ...looks.map(() => [])],
    element,
  )
}

/** A moment of the time axis, with seconds only where they tell two apart. */
function formatTick(seconds: number): string {
  const clock = formatClock(new Date(seconds * 1000))
  return clock.slice(0, seconds % 60 === 0 ? 5 : 8)
}

/** Shows the data of this stretch of time; a plot that was made for other lines waits for its own. */
export function showData(plot: uPlot, data: ChartData, { from, to }: TimeRange): void {
  if (plot.series.length !== data.lines.length + 1) return
  plot.batch(() => {
    plot.setData([data.times, ...data.lines.map(({ values }) => values)] as uPlot.AlignedData, false)
    plot.setScale('x', { min: from, max: to })
  })
}
