import type { Candle } from './answers.js'
import { svg } from './elements.js'
import * as format from './format.js'
import { linear, roundTicks } from './scale.js'

const RIGHT = 74
const TOP = 10
const BOTTOM = 24
/** The lowest part of the chart belongs to the volume. */
const VOLUME_PART = 0.2
const LABEL_WIDTH = 84
const TAG_HEIGHT = 20

export interface ChartShape {
  width: number
  height: number
  intervalMs: number
  /** How many intervals are shown; the last ends with the newest candle. */
  slots: number
}

/** Candles over the volume that was traded in each. Intervals without prices stay empty. */
export function drawCandles(candles: readonly Candle[], shape: ChartShape): SVGElement[] {
  const { width, height, intervalMs, slots } = shape
  const last = candles.at(-1)
  if (last === undefined) return []
  const firstMs = Date.parse(last.at) - (slots - 1) * intervalMs
  const shown = candles.filter(({ at }) => Date.parse(at) >= firstMs)
  const plotRight = width - RIGHT
  const plotBottom = height - BOTTOM
  const slot = plotRight / slots
  const body = Math.max(1, Math.min(14, slot * 0.68))
  const centre = (at: string): number => ((Date.parse(at) - firstMs) / intervalMs + 0.5) * slot
  const low = Math.min(...shown.map((candle) => candle.low))
  const high = Math.max(...shown.map((candle) => candle.high))
  const margin = (high - low) * 0.06 || high * 0.001
  const toY = linear([low - margin, high + margin], [plotBottom * (1 - VOLUME_PART), TOP])
  const most = Math.max(...shown.map((candle) => candle.volume))
  const toBar = linear([0, most], [0, plotBottom * VOLUME_PART * 0.85])

  const latestY = toY(last.close)
  const grid = roundTicks(low - margin, high + margin, 5).flatMap((value) => [
    svg('line', { class: 'grid', x1: 0, x2: plotRight, y1: toY(value), y2: toY(value) }),
    // The tag of the latest price stands where its label would be.
    ...(Math.abs(toY(value) - latestY) < TAG_HEIGHT
      ? []
      : [svg('text', { x: plotRight + 8, y: toY(value) + 4 }, format.price(value))]),
  ])
  const every = Math.max(1, Math.ceil(LABEL_WIDTH / slot))
  const labels = Math.floor((plotRight - LABEL_WIDTH / 2) / (every * slot)) + 1
  const times = Array.from({ length: labels }, (_, i) => {
    const at = firstMs + i * every * intervalMs
    return svg('text', { x: i * every * slot, y: height - 6 }, timeLabel(at, intervalMs))
  })
  const bars = shown.map((candle) =>
    svg('rect', {
      class: 'amount',
      x: centre(candle.at) - body / 2,
      width: body,
      y: plotBottom - toBar(candle.volume),
      height: toBar(candle.volume),
    }),
  )
  const sticks = shown.map((candle) => {
    const [from, to] = [toY(Math.max(candle.open, candle.close)), toY(Math.min(candle.open, candle.close))]
    const x = centre(candle.at)
    return svg(
      'g',
      { class: candle.close >= candle.open ? 'rise' : 'fall' },
      svg('line', { x1: x, x2: x, y1: toY(candle.high), y2: toY(candle.low) }),
      svg('rect', {
        x: x - body / 2,
        width: body,
        y: from,
        height: Math.max(1, to - from),
        'stroke-width': 0,
      }),
    )
  })
  const latest = [
    svg('line', { class: 'latest', x1: 0, x2: plotRight, y1: latestY, y2: latestY }),
    svg('rect', {
      class: 'tag',
      x: plotRight + 2,
      y: latestY - TAG_HEIGHT / 2,
      width: RIGHT - 2,
      height: TAG_HEIGHT,
      rx: 4,
    }),
    svg('text', { class: 'tag-text', x: plotRight + 8, y: latestY + 4 }, format.price(last.close)),
  ]
  return [...grid, ...times, ...bars, ...sticks, ...latest]
}

/** The candle under a pointer at `x`; null where there is none. */
export function candleAt(candles: readonly Candle[], shape: ChartShape, x: number): Candle | null {
  const last = candles.at(-1)
  if (last === undefined) return null
  const slot = Math.floor(x / ((shape.width - RIGHT) / shape.slots))
  const ms = Date.parse(last.at) - (shape.slots - 1 - slot) * shape.intervalMs
  return candles.find(({ at }) => Date.parse(at) === ms) ?? null
}

/** A stripe behind the candle that is being looked at. */
export function drawChosen(candles: readonly Candle[], shape: ChartShape, chosen: Candle): SVGElement | null {
  const last = candles.at(-1)
  if (last === undefined) return null
  const slot = (shape.width - RIGHT) / shape.slots
  const back = (Date.parse(last.at) - Date.parse(chosen.at)) / shape.intervalMs
  return svg('rect', {
    class: 'chosen',
    x: (shape.slots - 1 - back) * slot,
    width: slot,
    y: 0,
    height: shape.height - BOTTOM,
  })
}

function timeLabel(at: number, intervalMs: number): string {
  return intervalMs >= 3_600_000
    ? new Date(at).toLocaleString('en-GB', {
        day: 'numeric',
        month: 'short',
        hour: '2-digit',
        minute: '2-digit',
      })
    : format.clock(at).slice(0, 5)
}
