import type { Report } from './report.js'

type Row = readonly [label: string, value: string | number, remark?: string]

const SHOWN_KEYS = 5

/** The account for a person: what was promised, what is there, and what happened meanwhile. */
export function printReport(report: Report): string {
  const { account } = report
  const sections = [
    section('Orders', orderRows(report)),
    section('Stock', stockRows(report)),
    section('Catalogue pages', readingRows(report)),
    section('Failovers', failoverRows(report)),
    report.interrupted ? 'The run was interrupted; this is the account so far.' : '',
    report.failure === null ? '' : `The run ended early: ${report.failure}`,
    account.balanced
      ? 'The account balances: every acknowledged order is there, once, and every unit is accounted for.'
      : 'THE ACCOUNT DOES NOT BALANCE.',
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function orderRows({ account, tradedMs }: Report): Row[] {
  const { unknown } = account
  const rate = tradedMs === 0 ? 0 : Math.round((account.acknowledged * 1000) / tradedMs)
  return [
    ['acknowledged', account.acknowledged, `${rate} a second for ${seconds(tradedMs)}`],
    ['found in the database', account.found],
    ['lost', account.lost.length, some(account.lost)],
    ['duplicates', account.duplicates.length, some(account.duplicates)],
    ['found but never acknowledged', account.unexpected.length, some(account.unexpected)],
    ['found with other contents', account.altered.length, some(account.altered)],
    ['without their events', account.withoutEvents.length, some(account.withoutEvents)],
    [
      'outcome unknown',
      unknown.tookEffect.length + unknown.didNot.length,
      'cut off during COMMIT, looked up:',
    ],
    ['  took effect', unknown.tookEffect.length],
    ['  did not', unknown.didNot.length],
    ['refused, out of stock', account.refused],
    ['tried again', account.repeatedTries, 'cut off before COMMIT was sent'],
    ['given up at closing time', account.givenUp, 'before COMMIT was sent'],
  ]
}

function stockRows({ account }: Report): Row[] {
  const { products, unitsSold, mismatched, belowZero } = account.stock
  const wrong = mismatched.map((each) => `product ${each.id}`)
  return [
    ['products', products],
    ['units in orders', unitsSold],
    ['received is not stock + ordered', mismatched.length, some(wrong)],
    ['below zero', belowZero.length, some(belowZero.map((id) => `product ${id}`))],
  ]
}

function readingRows({ reading }: Report): Row[] {
  return [
    ['from standbys', reading.pagesFromStandbys],
    ['from the primary', reading.pagesFromPrimary, 'when no standby answered'],
    ['read again on another node', reading.repeated],
    ['failed for the visitor', reading.failed],
  ]
}

function failoverRows({ failovers }: Report): Row[] {
  if (failovers.length === 0) return [['none', '']]
  return failovers.map((failover): Row => {
    const { killed, newPrimary, nextOrderMs, wholeMs, atMs } = failover
    const whole = wholeMs === null ? 'not whole again yet' : `whole again after ${wholeMs} ms`
    const next = nextOrderMs === null ? '-' : `${nextOrderMs} ms`
    return [`${killed} -> ${newPrimary ?? '?'}`, next, `to the next order; ${whole}; at ${seconds(atMs)}`]
  })
}

function section(title: string, rows: readonly Row[]): string {
  const shown = rows.map(([label, value, remark = '']) => ({ label, value: show(value), remark }))
  const lines = shown.map(({ label, value, remark }) =>
    `  ${label.padEnd(32)}${value.padStart(9)}  ${remark}`.trimEnd(),
  )
  return [title, ...lines].join('\n')
}

function show(value: string | number): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function some(names: readonly string[]): string {
  const rest = names.length - SHOWN_KEYS
  return names.slice(0, SHOWN_KEYS).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
