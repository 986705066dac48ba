import type { AuditEntry } from '@pgherd/core/api'
import { formatClock } from '../format/clock.js'
import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'
import { useStateOf } from '../store/use-state-of.js'
import { ACTIONS, OUTCOMES } from './audit-filter.js'
import { describeRequest } from './describe-request.js'

/** Longer requests are opened by whoever wants to read them. */
const SHORT = 300

/** One request: what it asked for, of whom it came, and what became of it. */
export function AuditItem({ entry }: { entry: AuditEntry }) {
  const { t } = useWords()
  const { outcome } = entry
  return (
    <li className="event" data-audit={entry.id} data-outcome={outcome}>
      <time className="event-time" dateTime={entry.at}>
        {formatClock(new Date(entry.at))}
      </time>
      <div>
        <p className="audit-head">
          <strong>{t(ACTIONS[entry.action])}</strong>
          <span className={`tag outcome-${outcome}`}>
            {t(OUTCOMES[outcome])} <span className="quiet">{entry.status}</span>
          </span>
          <JobEnd job={entry.job} />
        </p>
        <Request text={describeRequest(entry)} />
        <p className="event-facts">
          <a href={linkTo('audit', { who: entry.who })}>{entry.who}</a>
          {entry.from !== entry.who && <span>{entry.from}</span>}
        </p>
      </div>
    </li>
  )
}

function Request({ text }: { text: string }) {
  if (text.length <= SHORT) return <pre className="audit-request">{text}</pre>
  return (
    <details className="audit-request">
      <summary>
        <code>{text.slice(0, SHORT)}…</code>
      </summary>
      <pre className="audit-request">{text}</pre>
    </details>
  )
}

/** How the job that was begun is, as long as it is remembered. */
function JobEnd({ job: id }: { job: string | null }) {
  const { t } = useWords()
  const job = useStateOf((state) => state.jobs.find((each) => each.id === id))
  if (job === undefined) return null
  return (
    <span className="quiet small">
      {t(`job.${job.state}`)}
      {job.error !== null && (
        <>
          : <span lang="en">{job.error.message}</span>
        </>
      )}
    </span>
  )
}
