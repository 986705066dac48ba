import type { PlacementComparison } from '@pgherd/core/sharding'
import { type Comparison, describeChange, percent } from './render-comparison.js'

const WIDTH = 760
const HEAD = 84
const FOOT = 40
const PANEL = 96
const GAP = 30
const LABEL = 20
const SHARDS = { x: 160, width: 250 }
const MOVES = { x: 470, width: 190 }
const COLOURS: Record<string, string> = { 'consistent-hash': '#2a78b8', modulo: '#c8553d', range: '#4f8a4c' }

/** The comparison as a picture: for each strategy a row with the keys of its shards, and what moves. */
export function drawComparison(comparison: Comparison): string {
  const { keys, shards, type, strategies } = comparison
  const height = HEAD + strategies.length * (PANEL + GAP) + FOOT
  const title = `${keys.toLocaleString('en-US')} keys of type ${type} over ${shards} ${shards === 1 ? 'shard' : 'shards'}`
  const most = Math.max(1, ...strategies.map(({ balance }) => balance.most))
  const rows = strategies.map((placement, row) => drawRow(placement, HEAD + row * (PANEL + GAP), most))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<title>${title}</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${text(LABEL, 32, title, 'font-size="18" font-weight="600"')}
${text(SHARDS.x, 62, 'keys of each shard', MUTED)}
${text(MOVES.x, 62, 'keys that move', MUTED)}
${rows.join('\n')}
${text(LABEL, height - 16, 'dashed: the mean of the shards; upright line: the least that has to move', MUTED)}
</svg>
`
}

const MUTED = 'fill="#666"'

function drawRow(placement: PlacementComparison, top: number, most: number): string {
  const { strategy, balance } = placement
  return [
    text(LABEL, top + 40, strategy, 'font-weight="600"'),
    text(LABEL, top + 60, `most/mean ${balance.imbalance.toFixed(3)}`, MUTED),
    drawShards(placement, top, most),
    drawMoves(placement, top),
  ].join('\n')
}

function drawShards({ strategy, balance }: PlacementComparison, top: number, most: number): string {
  const step = SHARDS.width / balance.keys.length
  const bottom = top + PANEL
  const bars = balance.keys.map((keys, index) => {
    const height = (PANEL * keys) / most
    return rect(SHARDS.x + index * step, bottom - height, step * 0.8, height, colourOf(strategy))
  })
  const mean = round(bottom - (PANEL * balance.mean) / most)
  const end = SHARDS.x + SHARDS.width
  return [
    ...bars,
    `<path d="M${SHARDS.x} ${mean}H${end}" stroke="#222" stroke-dasharray="4 3" fill="none"/>`,
    `<path d="M${SHARDS.x} ${bottom}H${end}" stroke="#999" fill="none"/>`,
  ].join('\n')
}

function drawMoves({ strategy, changes }: PlacementComparison, top: number): string {
  const step = PANEL / Math.max(1, changes.length)
  return changes
    .flatMap(({ change, movedShare, leastShare }, index) => {
      const y = top + index * step
      const least = round(MOVES.x + MOVES.width * leastShare)
      return [
        text(MOVES.x, y + 12, describeChange(change), MUTED),
        rect(MOVES.x, y + 18, MOVES.width, 16, '#eee'),
        rect(MOVES.x, y + 18, MOVES.width * movedShare, 16, colourOf(strategy)),
        `<path d="M${least} ${y + 14}V${y + 38}" stroke="#222" stroke-width="2"/>`,
        text(MOVES.x + MOVES.width + 10, y + 31, percent(movedShare)),
      ]
    })
    .join('\n')
}

function colourOf(strategy: string): string {
  return COLOURS[strategy] ?? '#777'
}

function rect(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"/>`
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${attributes === '' ? '' : ` ${attributes}`}>${content}</text>`
}

function round(number: number): number {
  return Math.round(number * 10) / 10
}
