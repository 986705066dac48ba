import { createContext, useContext, useSyncExternalStore } from 'react'
import type { State } from './state.js'
import type { Store } from './store.js'

export const StoreContext = createContext<Store | null>(null)

export function useStore(): Store {
  const store = useContext(StoreContext)
  if (store === null) throw new Error('There is no store around this component.')
  return store
}

/** A part of the state; the component is drawn again when that part is another one. */
export function useStateOf<T>(select: (state: State) => T): T {
  const store = useStore()
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}
