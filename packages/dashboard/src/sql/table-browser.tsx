import type { TablesSchema, TableView } from '@pgherd/core/api'
import { useEffect, useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { ProblemNote } from '../layout/problem-note.js'
import { useAnswer } from '../layout/use-answer.js'
import { quoteName } from './quote-name.js'
import { TableDetails } from './table-details.js'
import type { Outcome } from './use-sql.js'

/** Commands after which everything is as it was. */
const ONLY_READ = new Set(['SELECT', 'SHOW', 'EXPLAIN', 'VALUES'])

type Tables = (typeof TablesSchema)['_output']

/** What there is in the database; a click on a table writes a statement that shows it. */
export function TableBrowser({
  onSelect,
  outcome,
}: {
  onSelect: (text: string) => void
  /** Of the last statement: what changed something may have changed what there is. */
  outcome: Outcome | null
}) {
  const { t } = useWords()
  const { answer, problem, again } = useAnswer<Tables>('v1/tables')
  const [wanted, setWanted] = useState('')
  const command = outcome?.answer?.command ?? 'SELECT'
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same command again is another outcome
  useEffect(() => {
    if (!ONLY_READ.has(command)) again()
  }, [outcome, again])
  const fitting = answer?.tables.filter(({ schema, name }) => `${schema}.${name}`.includes(wanted))
  const schemas = Map.groupBy(fitting ?? [], ({ schema }) => schema)
  return (
    <aside className="card tables" aria-label={t('tables.title')}>
      <header className="row">
        <h2>{t('tables.title')}</h2>
        <button type="button" onClick={again}>
          {t('again')}
        </button>
      </header>
      {problem !== null && <ProblemNote problem={problem} />}
      {answer === null && problem === null && <Loading />}
      {answer?.tables.length === 0 && <Empty title={t('tables.none')} />}
      {answer !== null && answer.tables.length > 8 && (
        <input
          type="search"
          aria-label={t('tables.find')}
          placeholder={t('tables.find')}
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
      )}
      {[...schemas].map(([schema, tables]) => (
        <section key={schema}>
          <h3>{schema}</h3>
          {tables.map((table) => (
            <TableItem key={table.name} table={table} onSelect={onSelect} />
          ))}
        </section>
      ))}
    </aside>
  )
}

function TableItem({ table, onSelect }: { table: TableView; onSelect: (text: string) => void }) {
  const { t, bytes, count } = useWords()
  const name = `${quoteName(table.schema)}.${quoteName(table.name)}`
  return (
    <details className="table-item">
      <summary>
        <span className="table-name">{table.name}</span>
        <span className="tag">{t(`placement.${table.placement}`)}</span>
        <span className="quiet small table-size">
          {table.rows !== null && `${count(table.rows)} · `}
          {table.bytes === null ? t(`tableKind.${table.kind}`) : bytes(table.bytes)}
        </span>
      </summary>
      <button type="button" onClick={() => onSelect(`select * from ${name} limit 100`)}>
        {t('tables.select')}
      </button>
      <TableDetails table={table} />
    </details>
  )
}
