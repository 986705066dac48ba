import { useEffect } from 'react'
import { ActionsView } from './actions/actions-view.js'
import type { EventStream } from './api/event-stream.js'
import { AuditView } from './audit/audit-view.js'
import { ChartsView } from './charts/charts-view.js'
import { HerdView } from './herd/herd-view.js'
import { LanguageContext, wordsOf } from './i18n/use-words.js'
import { Announcer } from './layout/announcer.js'
import { usePreferences } from './layout/preferences.js'
import type { View } from './layout/route.js'
import { Shell } from './layout/shell.js'
import { SignIn } from './layout/sign-in.js'
import { useRoute } from './layout/use-route.js'
import { ShardsView } from './shards/shards-view.js'
import { SqlView } from './sql/sql-view.js'
import { useStateOf } from './store/use-state-of.js'
import { TimelineView } from './timeline/timeline-view.js'

/** The whole page. */
export function App({ stream }: { stream: EventStream }) {
  const preferences = usePreferences()
  const { view, params } = useRoute()
  const isLocked = useStateOf((state) => state.connection === 'locked')
  const herdName = useStateOf((state) => state.herd?.name ?? 'pgherd')
  const { t } = wordsOf(preferences.language)
  const title = `${t(`nav.${view}`)} · ${herdName}`
  useEffect(() => {
    document.title = title
  }, [title])
  return (
    <LanguageContext value={preferences.language}>
      {isLocked ? (
        <SignIn onToken={() => stream.connect()} />
      ) : (
        <Shell view={view} preferences={preferences}>
          <ViewOf view={view} params={params} />
        </Shell>
      )}
      <Announcer />
    </LanguageContext>
  )
}

function ViewOf({ view, params }: { view: View; params: URLSearchParams }) {
  switch (view) {
    case 'herd':
      return <HerdView selected={params.get('node')} />
    case 'charts':
      return <ChartsView />
    case 'shards':
      return <ShardsView />
    case 'sql':
      return <SqlView />
    case 'actions':
      return <ActionsView selected={params.get('node')} />
    case 'timeline':
      return <TimelineView params={params} />
    case 'audit':
      return <AuditView params={params} />
  }
}
