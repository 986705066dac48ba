import type { KeyPlace, ShardsView as Shards } from '@pgherd/core/api'
import { useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { ProblemNote } from '../layout/problem-note.js'
import { useAnswer } from '../layout/use-answer.js'
import { useStateOf } from '../store/use-state-of.js'
import { FindKey } from './find-key.js'
import { LinePicture } from './line-picture.js'
import { OneMoreShard } from './one-more-shard.js'
import { PlacedTables } from './placed-tables.js'
import { ShardTable } from './shard-table.js'
import './shards.css'

/** Which shard has which rows; a calm sentence where nothing is sharded. */
export function ShardsView() {
  const { t } = useWords()
  const isSharded = useStateOf((state) => state.herd?.isSharded)
  const { answer, problem, again } = useAnswer<Shards>(isSharded === true ? 'v1/shards' : null)
  return (
    <>
      <header className="row view-head">
        <h1>{t('nav.shards')}</h1>
        {answer !== null && (
          <button type="button" onClick={again}>
            {t('again')}
          </button>
        )}
      </header>
      {isSharded === false && (
        <Empty title={t('shards.none')}>
          <p>{t('shards.noneWhy')}</p>
        </Empty>
      )}
      {problem !== null && <ProblemNote problem={problem} />}
      {answer === null && problem === null && isSharded !== false && <Loading />}
      {answer !== null && <ShardMap shards={answer} />}
    </>
  )
}

function ShardMap({ shards }: { shards: Shards }) {
  const { t } = useWords()
  const [place, setPlace] = useState<KeyPlace | null>(null)
  return (
    <div className="shards">
      <section className={`card map map-${shards.strategy}`} aria-label={t('shards.map')}>
        <p className="quiet">
          {t(`strategy.${shards.strategy}`)} · {t('herd.epoch')} {shards.epoch}
        </p>
        <LinePicture shards={shards} place={place} />
        <ShardTable shards={shards} />
      </section>
      <div className="stack">
        <FindKey shards={shards} place={place} onFound={setPlace} />
        <PlacedTables shards={shards} />
        <OneMoreShard />
      </div>
    </div>
  )
}
