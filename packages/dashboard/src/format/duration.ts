/** How long something took or lags: `0.4 ms`, `12 ms`, `1.3 s`, `4 min`. */
export function formatDuration(ms: number, locale: string): string {
  if (ms < 999.5) return `${number(ms, ms < 9.95 ? 1 : 0, locale)} ms`
  if (ms < 59_950) return `${number(ms / 1000, 1, locale)} s`
  if (ms < 3_599_500) return `${number(ms / 60_000, 0, locale)} min`
  return `${number(ms / 3_600_000, 1, locale)} h`
}

function number(value: number, digits: number, locale: string): string {
  return value.toLocaleString(locale, { maximumFractionDigits: digits })
}
