import type { SqlAnswer } from '@pgherd/core/api'
import { useWords } from '../i18n/use-words.js'

const LONG = 40
const NUMBERS = /^(?:smallint|integer|bigint|int[248]|numeric|real|double precision|float[48]|oid|money)/

/** What a statement gave. A cell is text, whatever stands in it; NULL is told from a text that is empty. */
export function RowsTable({ answer }: { answer: SqlAnswer }) {
  const { t } = useWords()
  const isNumber = answer.columns.map(({ type }) => NUMBERS.test(type))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="table-scroll rows" tabIndex={0} aria-label={t('sql.rows')}>
      <table>
        <caption className="visually-hidden">{t('sql.rows')}</caption>
        <thead>
          <tr>
            {answer.columns.map(({ name, type }, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name
              <th key={column} scope="col" className={isNumber[column] ? 'number' : undefined}>
                {name} <span className="type">{type}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.rows.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no names, and never change places
            <tr key={index}>
              {row.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: see above
                <Cell key={column} text={cell} isNumber={isNumber[column] === true} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Cell({ text, isNumber }: { text: string | null; isNumber: boolean }) {
  // What is too long for its column is shown whole under the pointer.
  const whole = text !== null && text.length > LONG ? text : undefined
  return (
    <td className={isNumber ? 'number' : undefined} title={whole}>
      {text === null || text === '' ? <i className="null">{text === null ? 'NULL' : "''"}</i> : text}
    </td>
  )
}
