import type { SqlRequest } from '@pgherd/core/api'
import { useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { useStateOf } from '../store/use-state-of.js'
import { Editor } from './editor.js'
import { keepHistory, readHistory, remember } from './history.js'
import { OutcomePanel } from './outcome-panel.js'
import { TableBrowser } from './table-browser.js'
import { useSql } from './use-sql.js'
import './sql.css'

const CONSISTENCIES = ['session', 'primary', 'bounded', 'eventual'] as const
type Consistency = NonNullable<SqlRequest['consistency']>

/** Statements and what comes of them, and what there is to ask. */
export function SqlView() {
  const { t } = useWords()
  const { outcome, isRunning, wasStopped, run, stop } = useSql()
  const mayAct = useStateOf((state) => state.herd?.may.act !== false)
  const [history, setHistory] = useState(readHistory)
  const [text, setText] = useState(() => history.at(-1) ?? '')
  const [consistency, setConsistency] = useState<Consistency>('session')
  const [explain, setExplain] = useState(false)
  const runText = (statement: string) => {
    if (!mayAct || statement.trim() === '') return
    const next = remember(history, statement)
    setHistory(next)
    keepHistory(next)
    void run({ text: statement, consistency, explain })
  }
  return (
    <>
      <h1>{t('nav.sql')}</h1>
      {!mayAct && <p className="warning">{t('sql.mayNot')}</p>}
      <div className="sql">
        <div className="stack">
          <div className="card stack">
            <Editor text={text} history={history} onChange={setText} onRun={() => runText(text)} />
            <div className="row">
              <button
                type="button"
                className="primary"
                disabled={isRunning || !mayAct}
                onClick={() => runText(text)}
              >
                {t(isRunning ? 'sql.running' : 'sql.run')}
              </button>
              {isRunning && (
                <button type="button" onClick={stop}>
                  {t('sql.stop')}
                </button>
              )}
              <select
                aria-label={t('sql.consistency')}
                value={consistency}
                onChange={(event) => setConsistency(event.target.value as Consistency)}
              >
                {CONSISTENCIES.map((each) => (
                  <option key={each} value={each}>
                    {t(`consistency.${each}`)}
                  </option>
                ))}
              </select>
              <label className="check">
                <input
                  type="checkbox"
                  checked={explain}
                  onChange={(event) => setExplain(event.target.checked)}
                />
                <span>EXPLAIN</span>
              </label>
            </div>
          </div>
          {outcome === null ? (
            <Empty title={t(wasStopped ? 'sql.stopped' : 'sql.empty')} />
          ) : (
            <div className="card">
              <OutcomePanel outcome={outcome} />
            </div>
          )}
        </div>
        <TableBrowser onSelect={setText} outcome={outcome} />
      </div>
    </>
  )
}
