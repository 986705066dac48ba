import type { StockAccount } from './account/account.js'
import { NOTICED_MS } from './buying/measure-pauses.js'
import type { Report } from './report.js'

type Row = readonly [label: string, value: string | number, remark?: string]

const SHOWN_KEYS = 5

/** The account for a person: what was promised, what is there, and what happened meanwhile. */
export function printReport(report: Report): string {
  const { account } = report
  const sections = [
    section('Orders', orderRows(report)),
    section('Stock', stockRows(account.stock)),
    section('Carts', cartRows(report)),
    section('Who answered', readingRows(report)),
    section('Pauses between "buy" and the answer', pauseRows(report)),
    section('Failovers', failoverRows(report)),
    report.interrupted ? 'The run was interrupted; this is the account so far.' : '',
    report.failure === null ? '' : `The run ended early: ${report.failure}`,
    account.balanced
      ? 'The account balances: every acknowledged order is there, once, every unit is accounted for, and\n' +
        'every cart change that was promised is saved.'
      : 'THE ACCOUNT DOES NOT BALANCE.',
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function orderRows({ account: { orders }, tradedMs }: Report): Row[] {
  const { unknown } = orders
  const rate = tradedMs === 0 ? 0 : Math.round((orders.acknowledged * 1000) / tradedMs)
  return [
    ['acknowledged', orders.acknowledged, `${rate} a second for ${seconds(tradedMs)}`],
    ['found in the database', orders.found],
    ['lost', orders.lost.length, some(orders.lost)],
    ['duplicates', orders.duplicates.length, some(orders.duplicates)],
    ['found but never acknowledged', orders.unexpected.length, some(orders.unexpected)],
    ['found with other contents', orders.altered.length, some(orders.altered)],
    ['without their events', orders.withoutEvents.length, some(orders.withoutEvents)],
    ['outcome unknown', unknown.tookEffect + unknown.didNot, 'cut off during COMMIT; looked up:'],
    ['  took effect', unknown.tookEffect],
    ['  did not', unknown.didNot, 'tried again under the same key'],
    ['refused, out of stock', orders.refused],
    ['begun again', orders.repeatedTries, 'cut off before COMMIT was sent'],
    ['given up at closing time', orders.givenUp, 'before COMMIT was sent'],
  ]
}

function stockRows({ products, unitsSold, mismatched, belowZero }: StockAccount): Row[] {
  const wrong = mismatched.map((each) => `product ${each.id}`)
  return [
    ['products', products],
    ['units in orders', unitsSold],
    ['received is not stock + ordered', mismatched.length, some(wrong)],
    ['below zero', belowZero.length, some(belowZero.map((id) => `product ${id}`))],
  ]
}

function cartRows({ account: { carts } }: Report): Row[] {
  const { unknown } = carts
  const user = (id: number): string => `user ${id}`
  return [
    ['changes saved at once', carts.saved],
    ['changes that waited', carts.promised, 'their users were told "We will save this."'],
    ['  the longest', `${carts.longestPromiseMs} ms`],
    ['lost', carts.lost.length, some(carts.lost)],
    ['saved but never made', carts.unexpected.length, some(carts.unexpected)],
    ['not in order, or not once', carts.outOfOrder.length, some(carts.outOfOrder.map(user))],
    ['carts that are not as left', carts.differing.length, some(carts.differing.map(user))],
    ['outcome unknown', unknown.tookEffect + unknown.didNot, 'sent again; by its key it'],
    ['  had taken effect', unknown.tookEffect],
    ['  had not', unknown.didNot],
  ]
}

function readingRows({ reading }: Report): Row[] {
  const { pages, carts, cartsMaybeBehind, cartsWrong, failed } = reading
  return [
    ['catalogue pages: standbys', pages.standby],
    ['catalogue pages: the primary', pages.primary, 'when no standby did'],
    ['carts: standbys', carts.standby],
    ['carts: the primary', carts.primary, 'when no standby had the latest change yet'],
    ['carts as of a moment ago', cartsMaybeBehind, 'no primary could tell what the latest change is'],
    ['carts without their latest change', cartsWrong],
    ['failed for the visitor', failed],
  ]
}

function pauseRows({ pauses }: Report): Row[] {
  return [
    ['the usual', `${pauses.medianMs} ms`],
    ['the longest', `${pauses.longestMs} ms`],
    [`longer than ${NOTICED_MS} ms`, pauses.noticed],
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
