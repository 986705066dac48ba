import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Icon } from './icon.js'

/** A question on top of the page. The browser keeps the focus in it and closes it on Escape. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string
  onClose: () => void
  children: ReactNode
}) {
  const { t } = useWords()
  const titleId = useId()
  const element = useRef<HTMLDialogElement>(null)
  // Closed before it is taken away: then the browser gives the focus back to where it was.
  useLayoutEffect(() => {
    const dialog = element.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog ref={element} aria-labelledby={titleId} onClose={onClose}>
      <header>
        <h2 id={titleId}>{title}</h2>
        <button
          type="button"
          className="bare"
          aria-label={t('close')}
          onClick={() => element.current?.close()}
        >
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  )
}
