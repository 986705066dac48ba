/** The views of the menu. */
export const MENU = ['herd', 'charts', 'shards', 'sql', 'actions', 'timeline'] as const
/** The audit log stands beside the timeline. */
export const VIEWS = [...MENU, 'audit'] as const

export type View = (typeof VIEWS)[number]

/** The view of the menu under which a view is found. */
export function menuOf(view: View): (typeof MENU)[number] {
  return view === 'audit' ? 'timeline' : view
}

/** What the address after `#` asks for: a view and what it shows of itself. */
export interface Route {
  view: View
  params: URLSearchParams
}

/** `#/timeline?event=12`; anything unknown is the herd. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const view = VIEWS.find((each) => each === path) ?? 'herd'
  return { view, params: new URLSearchParams(query) }
}

export function linkTo(view: View, params: Record<string, string> = {}): string {
  const query = new URLSearchParams(params).toString()
  return query === '' ? `#/${view}` : `#/${view}?${query}`
}
