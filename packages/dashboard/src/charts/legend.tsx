import { useWords } from '../i18n/use-words.js'
import type { ChartData } from './chart-data.js'
import { lookOf } from './line-look.js'

/** The lines by name with their values: those under the pointer, or else the last. */
export function Legend({
  lines,
  nodes,
  point,
  format,
}: {
  lines: ChartData['lines']
  nodes: readonly string[]
  point: number | null
  format: (value: number) => string
}) {
  const { term } = useWords()
  return (
    <dl className="legend">
      {lines.map(({ name, values }, index) => {
        const value = values[point ?? values.length - 1] ?? null
        const { color, dash } = lookOf(name, index, nodes)
        return (
          <div key={name}>
            <dt>
              <svg width="18" height="8" aria-hidden="true">
                <path d="M0 4h18" stroke={color} strokeWidth="2" strokeDasharray={dash.join(' ')} />
              </svg>
              {name.startsWith('chart.') ? term('chart', name.slice('chart.'.length)) : name}
            </dt>
            <dd>{value === null ? '–' : format(value)}</dd>
          </div>
        )
      })}
    </dl>
  )
}
