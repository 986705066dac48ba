import { useMemo, useSyncExternalStore } from 'react'
import { parseRoute, type Route } from './route.js'

/** Where the page is; links change it, and so do Back and Forward. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(listen, () => window.location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

function listen(changed: () => void): () => void {
  window.addEventListener('hashchange', changed)
  return () => window.removeEventListener('hashchange', changed)
}
