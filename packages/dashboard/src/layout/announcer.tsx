import { useEffect, useRef, useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { useStateOf } from '../store/use-state-of.js'
import { roleChangesBetween } from './role-changes.js'

/** Tells a screen reader, in its own time, when another node has become primary. */
export function Announcer() {
  const topology = useStateOf((state) => state.topology)
  const before = useRef(topology)
  const [said, setSaid] = useState('')
  const { t } = useWords()
  useEffect(() => {
    const changes = before.current && topology ? roleChangesBetween(before.current, topology) : []
    before.current = topology
    if (changes.length === 0) return
    const sentences = changes.map(({ group, primary, epoch }) =>
      primary === null
        ? t('announce.nobody', { group })
        : t('announce.primary', { group, node: primary, epoch }),
    )
    setSaid(sentences.join(' '))
  }, [topology, t])
  return (
    <p className="visually-hidden" role="status" aria-live="polite">
      {said}
    </p>
  )
}
