/** A count or a mean of counts, in full while it is short: `0.4`, `12,345`, `1.2M`. */
export function formatCount(count: number, locale: string): string {
  const isLong = Math.abs(count) >= 100_000
  return count.toLocaleString(
    locale,
    isLong
      ? { notation: 'compact', maximumFractionDigits: 1 }
      : { maximumFractionDigits: Math.abs(count) < 10 ? 1 : 0 },
  )
}

/** A fraction of one as a percentage: `12.5%`. */
export function formatShare(share: number, locale: string): string {
  return share.toLocaleString(locale, { style: 'percent', maximumFractionDigits: 1 })
}
