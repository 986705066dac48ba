const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes as PostgreSQL's pg_size_pretty names them, in steps of 1024: `1.5 MB`. */
export function formatBytes(bytes: number, locale: string): string {
  const step = Math.min(Math.floor(Math.log2(Math.max(Math.abs(bytes), 1)) / 10), UNITS.length - 1)
  const value = bytes / 1024 ** step
  const digits = step === 0 || Math.abs(value) >= 100 ? 0 : 1
  return `${value.toLocaleString(locale, { maximumFractionDigits: digits })} ${UNITS[step]}`
}
