import type { KeyPlace, Problem, ShardsView } from '@pgherd/core/api'
import { type FormEvent, useId, useState } from 'react'
import { problemOf } from '../api/api-error.js'
import { request } from '../api/request.js'
import { useWords } from '../i18n/use-words.js'
import { ProblemNote } from '../layout/problem-note.js'

/** Says where the rows of a key live. */
export function FindKey({
  shards,
  place,
  onFound,
}: {
  shards: ShardsView
  place: KeyPlace | null
  onFound: (place: KeyPlace | null) => void
}) {
  const { t } = useWords()
  const titleId = useId()
  const tables = shards.tables.filter(({ kind }) => kind === 'sharded')
  const [table, setTable] = useState(tables[0]?.name ?? '')
  const [key, setKey] = useState('')
  const [problem, setProblem] = useState<Problem | null>(null)
  const find = async (event: FormEvent) => {
    event.preventDefault()
    try {
      onFound(await request<KeyPlace>(`v1/shards/where?${new URLSearchParams({ table, key })}`))
      setProblem(null)
    } catch (error) {
      onFound(null)
      setProblem(problemOf(error))
    }
  }
  if (tables.length === 0) return null
  return (
    <section className="card" aria-labelledby={titleId}>
      <h2 id={titleId}>{t('shards.where')}</h2>
      <form className="row find-key" onSubmit={find}>
        <label>
          {t('shards.table')}
          <select value={table} onChange={(event) => setTable(event.target.value)}>
            {tables.map(({ name, key: columns }) => (
              <option key={name} value={name}>
                {name} ({columns.join(', ')})
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('shards.key')}
          <input required value={key} onChange={(event) => setKey(event.target.value)} />
        </label>
        <button type="submit" className="primary">
          {t('shards.find')}
        </button>
      </form>
      {problem !== null && <ProblemNote problem={problem} />}
      {place !== null && (
        <p role="status" data-place={place.shard}>
          {t('shards.found', { table: place.table, key: place.key, shard: place.shard })}{' '}
          <span className="quiet small">{t('shards.position', { position: place.position })}</span>
        </p>
      )}
    </section>
  )
}
