import type { SqlAnswer } from '@pgherd/core/api'
import { useWords } from '../i18n/use-words.js'
import { ProblemNote } from '../layout/problem-note.js'
import { placeOf } from './place-of.js'
import { PlanPicture } from './plan-picture.js'
import { RowsTable } from './rows-table.js'
import type { Outcome } from './use-sql.js'

/** What came of a statement: rows, the way it went, and PostgreSQL's own plan where that was asked for. */
export function OutcomePanel({ outcome }: { outcome: Outcome }) {
  const { t } = useWords()
  const { answer, problem, text } = outcome
  return (
    <section className="outcome" aria-label={t('sql.outcome')} aria-live="polite">
      {problem !== null && <ProblemNote problem={problem} />}
      {problem?.position != null && <Place text={text} position={problem.position} />}
      {answer !== null && (
        <>
          <Summary answer={answer} />
          {answer.notices.length > 0 && <Notices notices={answer.notices} />}
          {answer.plan !== null && <PlanPicture plan={answer.plan} />}
          <div className={answer.explain === null ? undefined : 'beside'}>
            {answer.columns.length > 0 && <RowsTable answer={answer} />}
            {answer.explain !== null && (
              <figure>
                <figcaption className="quiet small">EXPLAIN</figcaption>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
                <pre className="explain" tabIndex={0} lang="en">
                  {answer.explain}
                </pre>
              </figure>
            )}
          </div>
        </>
      )}
    </section>
  )
}

function Notices({ notices }: { notices: readonly string[] }) {
  const { t } = useWords()
  return (
    <ul className="notices" aria-label={t('sql.notices')}>
      {notices.map((notice, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a server may say the same twice
        <li key={index} lang="en" className={notice.startsWith('WARNING') ? 'warning' : undefined}>
          {notice}
        </li>
      ))}
    </ul>
  )
}

function Summary({ answer }: { answer: SqlAnswer }) {
  const { t, count, duration } = useWords()
  return (
    <p>
      <strong>{answer.command}</strong>
      {answer.rowCount !== null && ` · ${t('sql.rowCount', { count: count(answer.rowCount) })}`}
      {` · ${duration(answer.elapsedMs)}`}
      {answer.isTruncated && (
        <span className="quiet"> · {t('sql.truncated', { count: count(answer.rows.length) })}</span>
      )}
    </p>
  )
}

function Place({ text, position }: { text: string; position: number }) {
  const { t } = useWords()
  const { line, code, mark } = placeOf(text, position)
  return (
    <figure>
      <figcaption className="quiet small">{t('sql.line', { line })}</figcaption>
      <pre className="explain">
        {code}
        {'\n'}
        {mark}
      </pre>
    </figure>
  )
}
