const STEPS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** How long ago, in words of the language: `12 seconds ago`, `now`. A clock that is ahead counts as now. */
export function formatAgo(ms: number, locale: string): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [unit, size] = STEPS.find(([, each]) => seconds >= each) ?? ['second', 1]
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  return words.format(-Math.floor(seconds / size), unit)
}
