import { checkDrift } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { type Drift, describeDrift } from '@pgherd/core/sharding'
import pc from 'picocolors'
import { type PlacedHerd, sqlFailed } from '../shards/placed-herd.js'
import { type LocationOptions, locateHerd } from './herd-location.js'
import { askPlacedHerd } from './placed-herd.js'

export interface CheckFlags extends LocationOptions {
  /** False: tables are not read. */
  rows: boolean
  json?: boolean
}

/**
 * Prints in what the shards are not alike that should be; resolves to the exit code, 1 where there is anything.
 * Throws NOT_SUPPORTED, HERD_NOT_RUNNING, SQL_FAILED.
 */
export async function runShardCheck({ rows, json, ...location }: CheckFlags): Promise<number> {
  const herd = await askPlacedHerd(await locateHerd(location))
  const { placement, database, connect } = herd
  const drift = await checkDrift({ placement, database, connect, rows }).catch((cause: unknown) => {
    throw cause instanceof HerdError ? cause : sqlFailed('pgherd shard check', cause)
  })
  if (json) {
    const told = drift.map((each) => ({ ...each, message: describeDrift(each) }))
    console.log(JSON.stringify({ epoch: placement.map.epoch, rows, drift: told }))
  } else console.log(render(drift, herd, rows))
  return drift.length === 0 ? 0 : 1
}

function render(drift: readonly Drift[], { placement }: PlacedHerd, rows: boolean): string {
  const what = `${counted(Object.keys(placement.tables).length, 'table')} on ${counted(placement.map.shards.length, 'shard')}`
  if (drift.length === 0)
    return `${pc.green('No drift')}: ${what} and in the federation are alike${rows ? ', and rows are where they belong' : ''}.`
  return [...drift.map(describeDrift), '', pc.red(`${counted(drift.length, 'difference')} in ${what}.`)].join(
    '\n',
  )
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
