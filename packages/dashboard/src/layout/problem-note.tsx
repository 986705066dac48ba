import type { Problem } from '@pgherd/core/api'
import { NO_ANSWER } from '../api/api-error.js'
import { useWords } from '../i18n/use-words.js'
import { Icon } from './icon.js'

/** An error as a person reads it: the sentence, what to do, and the code to look up. */
export function ProblemNote({ problem }: { problem: Pick<Problem, 'detail' | 'hint' | 'code'> }) {
  const { t } = useWords()
  return (
    <div className="problem" role="alert">
      <Icon name="warning" />
      <div>
        {problem.code === NO_ANSWER ? <p>{t('problem.noAnswer')}</p> : <p lang="en">{problem.detail}</p>}
        {problem.hint !== null && (
          <p className="quiet" lang="en">
            {problem.hint}
          </p>
        )}
        <p className="quiet small">
          {t('problem.code')} <code>{problem.code}</code>
        </p>
      </div>
    </div>
  )
}
