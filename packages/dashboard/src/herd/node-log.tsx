import type { LogSchema } from '@pgherd/core/api'
import { useLayoutEffect, useRef } from 'react'
import { useWords } from '../i18n/use-words.js'
import { ProblemNote } from '../layout/problem-note.js'
import { useAnswer } from '../layout/use-answer.js'

type Log = (typeof LogSchema)['_output']

const LINES = 60

/** The end of what PostgreSQL writes about itself. */
export function NodeLog({ node }: { node: string }) {
  const { t } = useWords()
  const { answer, problem, again } = useAnswer<Log>(`v1/nodes/${encodeURIComponent(node)}/log?lines=${LINES}`)
  const element = useRef<HTMLPreElement>(null)
  // What came last is seen first, also each time it is asked again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another answer has another end
  useLayoutEffect(() => {
    if (element.current !== null) element.current.scrollTop = element.current.scrollHeight
  }, [answer])
  return (
    <section>
      <header className="row">
        <h3>{t('node.log')}</h3>
        <button type="button" onClick={again}>
          {t('again')}
        </button>
      </header>
      {problem !== null && <ProblemNote problem={problem} />}
      {answer !== null && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
        <pre className="log" ref={element} tabIndex={0} lang="en">
          {answer.lines.length === 0 ? t('node.logEmpty') : answer.lines.join('\n')}
        </pre>
      )}
    </section>
  )
}
