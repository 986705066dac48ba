import type { AddedShard } from '@pgherd/core/api'
import { useId, useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { FiguresTable } from '../layout/figures-table.js'
import { Loading } from '../layout/loading.js'
import { ProblemNote } from '../layout/problem-note.js'
import { useAnswer } from '../layout/use-answer.js'

/** What one more shard would move; worked out only when somebody asks, since it takes a while. */
export function OneMoreShard() {
  const { t } = useWords()
  const titleId = useId()
  const [isAsked, setIsAsked] = useState(false)
  const { answer, problem, isAsking } = useAnswer<AddedShard>(isAsked ? 'v1/shards/compare' : null)
  return (
    <section className="card stack" aria-labelledby={titleId}>
      <header className="row">
        <h2 id={titleId}>{t('shards.oneMore')}</h2>
        {!isAsked && (
          <button type="button" onClick={() => setIsAsked(true)}>
            {t('shards.workOut')}
          </button>
        )}
      </header>
      {isAsking && <Loading />}
      {problem !== null && <ProblemNote problem={problem} />}
      {answer !== null && <Moves answer={answer} />}
    </section>
  )
}

function Moves({ answer }: { answer: AddedShard }) {
  const { t, share } = useWords()
  return (
    <>
      <p>
        {t('shards.moves', {
          share: share(answer.movedShare),
          ideal: share(answer.ideal),
          shards: answer.shards,
        })}
      </p>
      <FiguresTable
        caption={t('shards.oneMore')}
        columns={[t('shards.shard'), t('shards.before'), t('shards.after'), t('shards.gives')]}
        rows={answer.perShard.map(({ name, before, after, gives }) => ({
          name,
          figures: [before, after, gives].map(share),
        }))}
      />
    </>
  )
}
