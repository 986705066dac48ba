/** The time of day with milliseconds, which tell the steps of a failover apart: `14:03:07.512`. */
export function formatClock(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

/** The day, in the order of the language. */
export function formatDay(at: Date, locale: string): string {
  return at.toLocaleDateString(locale, { weekday: 'short', year: 'numeric', month: 'short', day: 'numeric' })
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
