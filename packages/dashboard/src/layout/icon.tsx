/** Line drawings of 20 by 20 that stand beside words, never instead of them. */
const PATHS = {
  herd: 'M5 10h3m0 0 5-5m-5 5 5 5M3 8h2v4H3zM13 3h4v4h-4zM13 13h4v4h-4z',
  charts: 'M3 3v14h14M6 13l3-4 3 2 4-6',
  shards: 'M10 3a7 7 0 1 0 7 7h-7zM13 3.7A7 7 0 0 1 16.3 7H13z',
  sql: 'M4 5l4 5-4 5M10 15h6',
  actions: 'M11 2 4 11h5l-1 7 7-9h-5z',
  timeline: 'M5 3v14M5 6h.01M9 6h8M9 10h6M9 14h7M3.5 10h3M3.5 14h3',
  table: 'M3 4h14v12H3zM3 8h14M8 8v8',
  close: 'M5 5l10 10M15 5 5 15',
  warning: 'M10 3 2.5 16.5h15zM10 8v4m0 2v.5',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
