import type { StockAccount } from './account/account.js'
import { NOTICED_MS } from './buying/measure-pauses.js'
import { isRight, type Report } from './report.js'

type Row = readonly [label: string, value: string | number, remark?: string]

const SHOWN_KEYS = 5
const LABEL_WIDTH = 34
const VALUE_WIDTH = 9

/** The account for a person: what was promised, what is there, and what happened meanwhile. */
export function printReport(report: Report): string {
  const sections = [
    section('Orders', orderRows(report)),
    section('Stock', stockRows(report.account.stock)),
    section('Carts', cartRows(report)),
    section('Who answered', readingRows(report)),
    section('Pauses between "buy" and the answer', pauseRows(report)),
    section(`Failovers: ${report.failovers.length} of ${report.options.kills} kills`, failoverRows(report)),
    report.interrupted ? 'The run was interrupted; this is the account so far.' : '',
    report.failure === null ? '' : `The run ended early: ${report.failure}`,
    verdict(report),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function verdict(report: Report): string {
  if (isRight(report)) {
    return `The account balances: every acknowledged order is there, once, every unit is accounted for,
every cart change that was promised is saved, and everybody saw what they had done themselves.`
  }
  return report.account.balanced && report.reading.stale === 0
    ? 'The account balances, but the run did not go as it should.'
    : 'THE ACCOUNT DOES NOT BALANCE.'
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

function stockRows({ products, mismatched, belowZero, ...units }: StockAccount): Row[] {
  const wrong = mismatched.map((each) => `product ${each.id}`)
  return [
    ['products', products],
    ['units received', units.unitsReceived, 'what is sold out comes in again'],
    ['  in stock', units.unitsInStock],
    ['  in orders', units.unitsSold],
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
    ['  the longest', milliseconds(carts.longestPromiseMs)],
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
  const { pages, carts, orders, cartsMaybeBehind, stale, failed } = reading
  return [
    ['catalogue pages: standbys', pages.standby],
    ['catalogue pages: the primary', pages.primary, 'when no standby did'],
    ['carts: standbys', carts.standby],
    ['carts: the primary', carts.primary, 'when no standby was known to have the latest change'],
    ['carts as of a moment ago', cartsMaybeBehind, 'no primary could tell what the latest change is'],
    ['own orders: standbys', orders.standby],
    ['own orders: the primary', orders.primary, 'when no standby was known to have the order'],
    ['stale: own change or order missing', stale],
    ['failed for the reader', failed],
  ]
}

function pauseRows({ pauses }: Report): Row[] {
  return [
    ['the usual', milliseconds(pauses.medianMs)],
    ['the longest', milliseconds(pauses.longestMs)],
    [`longer than ${NOTICED_MS} ms`, pauses.noticed],
  ]
}

function failoverRows({ failovers }: Report): Row[] {
  return failovers.map((failover): Row => {
    const { killed, newPrimary, nextOrderMs, wholeMs, atMs } = failover
    const whole = wholeMs === null ? 'not whole again yet' : `whole again after ${milliseconds(wholeMs)}`
    const next = nextOrderMs === null ? '-' : milliseconds(nextOrderMs)
    const label = `${seconds(atMs).padStart(7)}  ${killed} -> ${newPrimary ?? '?'}`
    return [label, next, `to the next order; ${whole}`]
  })
}

function section(title: string, rows: readonly Row[]): string {
  const shown = rows.map(([label, value, remark = '']) => ({ label, value: show(value), remark }))
  const lines = shown.map(({ label, value, remark }) =>
    `  ${label.padEnd(LABEL_WIDTH)}${value.padStart(VALUE_WIDTH)}  ${remark}`.trimEnd(),
  )
  return [title, ...lines].join('\n')
}

function show(value: string | number): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value
}

function milliseconds(ms: number): string {
  return `${show(ms)} ms`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function some(names: readonly string[]): string {
  const rest = names.length - SHOWN_KEYS
  return names.slice(0, SHOWN_KEYS).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
