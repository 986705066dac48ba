const NUMBERS = new Map<string, Intl.NumberFormat>()

/** A price with as many digits as tell something: 67,400.12 and 0.1371. */
export function price(value: number): string {
  const decimals = value >= 1000 ? 2 : value >= 10 ? 3 : value >= 1 ? 4 : 6
  return number(value, decimals, decimals)
}

export function dollars(value: number): string {
  return `${value < 0 ? '−' : ''}$${number(Math.abs(value), 2, 2)}`
}

/** 1.46 billion is $1.46B. */
export function roughDollars(value: number): string {
  const [divisor, unit] =
    value >= 1e9 ? [1e9, 'B'] : value >= 1e6 ? [1e6, 'M'] : value >= 1e3 ? [1e3, 'K'] : [1, '']
  return `$${number(value / divisor, value >= 1000 ? 2 : 0, 2)}${unit}`
}

export function quantity(value: number): string {
  return number(value, 0, 8)
}

export function percent(value: number): string {
  return `${number(Math.abs(value), 2, 2)} %`
}

export function bytes(value: number): string {
  return value >= 1024 * 1024
    ? `${number(value / 1024 / 1024, 1, 1)} MB`
    : value >= 1024
      ? `${number(value / 1024, 1, 1)} kB`
      : `${number(value, 0, 0)} B`
}

export function milliseconds(value: number): string {
  return `${number(value, 0, value < 10 ? 2 : 0)} ms`
}

export function count(value: number): string {
  return number(value, 0, 0)
}

export function clock(at: string | number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

export function dayAndClock(at: string | number): string {
  return new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

function number(value: number, least: number, most: number): string {
  const key = `${least} ${most}`
  const format =
    NUMBERS.get(key) ??
    new Intl.NumberFormat('en', { minimumFractionDigits: least, maximumFractionDigits: most })
  NUMBERS.set(key, format)
  return format.format(value)
}
