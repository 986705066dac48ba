import { type KeyboardEvent, useId, useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { type History, stepInto } from './history.js'

/** Where a statement is written. Ctrl+Enter runs it; Ctrl+Up and Ctrl+Down go through what was run before. */
export function Editor({
  text,
  history,
  onChange,
  onRun,
}: {
  text: string
  history: History
  onChange: (text: string) => void
  onRun: () => void
}) {
  const { t } = useWords()
  const hintId = useId()
  const [at, setAt] = useState(0)
  const [written, setWritten] = useState('')
  const step = (by: -1 | 1) => {
    const next = stepInto(history, at, by)
    if (next === at) return
    if (at === 0) setWritten(text)
    setAt(next)
    onChange(next === 0 ? written : (history.at(-next) ?? ''))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.ctrlKey && !event.metaKey) return
    if (event.key === 'Enter') onRun()
    else if (event.key === 'ArrowUp') step(-1)
    else if (event.key === 'ArrowDown') step(1)
    else return
    event.preventDefault()
  }
  return (
    <>
      <textarea
        className="editor"
        aria-label={t('sql.statement')}
        aria-describedby={hintId}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        rows={6}
        placeholder="select …"
        value={text}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setAt(0)
          onChange(event.target.value)
        }}
      />
      <p className="quiet small" id={hintId}>
        {t('sql.keys')}
      </p>
    </>
  )
}
