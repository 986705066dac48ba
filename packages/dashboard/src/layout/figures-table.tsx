import type { ReactNode } from 'react'

export interface FiguresRow {
  name: string
  /** What stands for the name, where that is more than the name. */
  label?: ReactNode
  figures: readonly string[]
}

/** Figures by name: a column of names, and one for each figure. */
export function FiguresTable({
  caption,
  columns,
  rows,
}: {
  /** Said to screen readers. */
  caption: string
  /** Of the names, and of each figure. */
  columns: readonly [string, ...string[]]
  rows: readonly FiguresRow[]
}) {
  const [name, ...figures] = columns
  return (
    <div className="table-scroll">
      <table>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{name}</th>
            {figures.map((each) => (
              <th key={each} scope="col" className="number">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.label ?? row.name}</th>
              {row.figures.map((figure, at) => (
                <td key={figures[at]} className="number">
                  {figure}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
