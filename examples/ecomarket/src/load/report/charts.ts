/** One bar, and what is written at its end. */
export interface Bar {
  label: string
  value: number
  shown: string
  /** Bars of one colour belong together. */
  colour: number
}

export interface Line {
  name: string
  points: readonly (readonly [x: number, y: number])[]
}

export interface LineChart {
  title: string
  x: string
  y: string
  lines: readonly Line[]
  /** A moment, with what happened. */
  mark?: { x: number; text: string }
}

const WIDTH = 720
/** As many as the page has. */
export const COLOURS = 8
const LEGENDS_IN_ROW = 4

/** Bars beside each other from zero on, as SVG that takes its colours from the page. */
export function drawBars(title: string, bars: readonly Bar[]): string {
  const [left, right, step] = [190, 130, 28]
  const height = bars.length * step + 8
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  const drawn = bars.map(({ label, value, shown, colour }, at) => {
    const y = at * step + 4
    const length = ((WIDTH - left - right) * value) / most
    return `<text x="${left - 10}" y="${y + 16}" text-anchor="end">${escapeText(label)}</text>
<rect x="${left}" y="${y + 2}" width="${round(length)}" height="20" rx="2" class="fill${colour % COLOURS}"/>
<text x="${round(left + length + 8)}" y="${y + 16}" class="value">${escapeText(shown)}</text>`
  })
  return svg(title, height, drawn)
}

/** Lines over time from zero on. */
export function drawLines({ title, x, y, lines, mark }: LineChart): string {
  const legendRows = Math.ceil(lines.length / LEGENDS_IN_ROW)
  const [left, right, top, bottom] = [64, 16, 20 + 18 * legendRows, 44]
  const height = top + 200 + bottom
  const all = lines.flatMap(({ points }) => points)
  const xTicks = ticksUpTo(Math.max(...all.map(([at]) => at), 1))
  const yTicks = ticksUpTo(Math.max(...all.map(([, value]) => value), 1))
  const xOf = (value: number): number =>
    round(left + ((WIDTH - left - right) * value) / (xTicks.at(-1) as number))
  const yOf = (value: number): number =>
    round(height - bottom - ((height - top - bottom) * value) / (yTicks.at(-1) as number))
  const grid = [
    ...yTicks.map(
      (tick) =>
        `<line x1="${left}" x2="${WIDTH - right}" y1="${yOf(tick)}" y2="${yOf(tick)}" class="grid"/>
<text x="${left - 8}" y="${yOf(tick) + 4}" text-anchor="end" class="tick">${formatTick(tick)}</text>`,
    ),
    ...xTicks.map(
      (tick) =>
        `<text x="${xOf(tick)}" y="${height - bottom + 18}" text-anchor="middle" class="tick">${formatTick(tick)}</text>`,
    ),
    `<text x="${WIDTH - right}" y="${height - 6}" text-anchor="end" class="tick">${escapeText(x)}</text>`,
    `<text x="0" y="12" class="tick">${escapeText(y)}</text>`,
  ]
  const drawn = lines.map(
    ({ points }, at) =>
      `<polyline points="${points.map(([px, py]) => `${xOf(px)},${yOf(py)}`).join(' ')}" class="line stroke${at % COLOURS}"/>`,
  )
  const legend = lines.map(({ name }, at) => {
    const legendX = left + (at % LEGENDS_IN_ROW) * 150
    const legendY = 18 * (Math.floor(at / LEGENDS_IN_ROW) + 1)
    return `<rect x="${legendX}" y="${legendY}" width="12" height="12" rx="2" class="fill${at % COLOURS}"/>
<text x="${legendX + 18}" y="${legendY + 10}" class="tick">${escapeText(name)}</text>`
  })
  const marked =
    mark === undefined
      ? []
      : [
          `<line x1="${xOf(mark.x)}" x2="${xOf(mark.x)}" y1="${top}" y2="${height - bottom}" class="mark"/>
<text x="${xOf(mark.x) + 6}" y="${top + 12}" class="tick">${escapeText(mark.text)}</text>`,
        ]
  return svg(title, height, [...grid, ...drawn, ...legend, ...marked])
}

/** For text and for attributes. */
export function escapeText(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (letter) => entities[letter] as string)
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">
${parts.join('\n')}
</svg>`
}

/** From 0 in steps of 1, 2 or 5 times a power of ten, to the first that is not below `most`. */
function ticksUpTo(most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(most / 4))
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each * 5 >= most) as number
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => at * step)
}

function formatTick(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en-US')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
