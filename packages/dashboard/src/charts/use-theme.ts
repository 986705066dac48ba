import { useSyncExternalStore } from 'react'

/** Changes with the colours of the page, for what cannot use them as they are. */
export function useTheme(): string {
  return useSyncExternalStore(listen, read)
}

const dark = window.matchMedia('(prefers-color-scheme: dark)')

function read(): string {
  return `${document.documentElement.dataset.theme ?? ''}${dark.matches ? ' dark' : ' light'}`
}

function listen(changed: () => void): () => void {
  const observer = new MutationObserver(changed)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  dark.addEventListener('change', changed)
  return () => {
    observer.disconnect()
    dark.removeEventListener('change', changed)
  }
}
