import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.js'
import './styles/base.css'
import './styles/shell.css'
import { followHerd } from './store/follow-herd.js'
import { Store } from './store/store.js'
import { StoreContext } from './store/use-state-of.js'

const root = document.getElementById('root')
if (root === null) throw new Error('The document has no place for the page.')
const store = new Store()
const stream = followHerd(store)
createRoot(root).render(
  <StrictMode>
    <StoreContext value={store}>
      <App stream={stream} />
    </StoreContext>
  </StrictMode>,
)
