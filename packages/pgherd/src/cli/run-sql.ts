import { APPLICATION_ROLE, type LeftHerd, nodesOf, readSecrets } from '@pgherd/cluster/on-disk'
import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { alignColumns } from '../view/columns.js'
import { supervisorOf } from './herd-location.js'

export interface SqlOptions {
  node?: string
  superuser?: boolean
  json?: boolean
}

/** Runs one text on the primary, on the node named, or over the shards by the proxy; prints what comes back. */
export async function runSql(herd: LeftHerd, text: string, options: SqlOptions): Promise<void> {
  const address = await addressFor(herd, options.node)
  const secrets = await readSecrets(herd.paths.secrets)
  if (secrets === null) throw new HerdError('STATE_UNREADABLE', `${herd.paths.secrets} is missing.`)
  const client = new pg.Client({
    ...address,
    user: options.superuser ? 'postgres' : APPLICATION_ROLE,
    password: options.superuser ? secrets.superuser : secrets.application,
    database: herd.identity.spec.database,
    application_name: 'pgherd sql',
    connectionTimeoutMillis: 5000,
  })
  client.on('error', () => {})
  client.on('notice', (notice) => console.error(`${notice.severity}:  ${notice.message}`))
  try {
    await client.connect()
    const results = await client.query({ text, rowMode: 'array' })
    for (const result of [results].flat())
      print(result as unknown as pg.QueryArrayResult, options.json === true)
  } catch (error) {
    throw describeSqlError(error, address.name)
  } finally {
    await client.end().catch(() => {})
  }
}

async function addressFor(
  herd: LeftHerd,
  wanted: string | undefined,
): Promise<{ name: string; host: string; port: number }> {
  const nodes = nodesOf(herd.identity)
  if (wanted !== undefined) {
    const node = nodes.find((each) => each.name === wanted)
    if (node !== undefined) return { name: node.name, ...node.server.address }
    const known = nodes.map((each) => each.name).join(', ')
    throw new HerdError('UNKNOWN_NODE', `There is no node "${wanted}"; this herd has ${known}.`)
  }
  const status = await supervisorOf(herd)?.topology()
  // The primary of the home group has only a part of a sharded database.
  if (herd.identity.spec.sharding !== undefined && status?.proxy) return { name: 'proxy', ...status.proxy }
  const primary = status?.groups[0]?.nodes.find((node) => node.role === 'primary' && node.state === 'running')
  if (primary !== undefined) return { name: primary.name, host: primary.host, port: primary.port }
  throw new HerdError('HERD_NOT_RUNNING', 'There is no primary to ask just now.', {
    hint: 'See "pgherd status"; a node can be asked by name with --node NODE.',
  })
}

function print(result: pg.QueryArrayResult, json: boolean): void {
  const names = result.fields.map((field) => field.name)
  if (json) {
    const rows = result.rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])))
    console.log(JSON.stringify({ command: result.command, rowCount: result.rowCount, rows }))
    return
  }
  if (names.length > 0) console.log(alignColumns([names, ...result.rows.map((row) => row.map(showCell))]))
  const count = result.rowCount === null ? '' : ` ${result.rowCount}`
  console.log(
    names.length > 0
      ? `(${result.rowCount} ${result.rowCount === 1 ? 'row' : 'rows'})`
      : `${result.command}${count}`,
  )
}

function showCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function describeSqlError(error: unknown, node: string): unknown {
  if (error instanceof HerdError || !(error instanceof Error)) return error
  const { code, hint, detail } = error as pg.DatabaseError
  const from = code === undefined ? '' : ` (${code})`
  return new HerdError('SQL_FAILED', `${node}: ${error.message}${from}${detail ? ` ${detail}` : ''}`, {
    ...(hint ? { hint } : {}),
    cause: error,
  })
}
