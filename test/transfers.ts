import type { Herd } from '@pgherd/cluster'
import { connect, until } from './scratch-herd.js'

// Money that is moved between accounts on several shards: their sum stays what it was (I1, I10).

export const ACCOUNTS = 40
export const START = 1000
const WRITERS = 4

/** Over shards `s1` and `s2`, of which each can fail over. */
export const ACCOUNT_HERD = `
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 2, nodes: 2 }
sharding:
  groups: [s1, s2]
  tables: { accounts: { key: id } }
`
export const SHARDS = ['s1', 's2']

export async function makeAccounts(where: { query(text: string): Promise<unknown> }): Promise<void> {
  await where.query('create table accounts (id int primary key, balance int not null)')
  const places = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${START})`)
  await where.query(`insert into accounts values ${places.join(', ')}`)
}

/** Of all accounts, when nothing is prepared any more. */
export async function total(herd: Herd): Promise<number> {
  const dsns = SHARDS.map((shard) => herd.dsn(herd.primaryOf(shard)?.name as string, 'application'))
  const shards = await Promise.all(dsns.map((dsn) => connect(dsn)))
  const sumOf = async (text: string): Promise<number> => {
    const answers = await Promise.all(shards.map((shard) => shard.query<{ n: string }>(text)))
    return answers.reduce((sum, { rows }) => sum + Number(rows[0]?.n), 0)
  }
  await until(
    'nothing is left prepared',
    async () => (await sumOf('select count(*) as n from pg_prepared_xacts')) === 0,
  )
  return sumOf('select coalesce(sum(balance), 0) as n from accounts')
}

/** What one writer does: one transaction that takes these steps. */
export type Transfer = (steps: readonly (readonly [id: number, change: number])[]) => Promise<void>

export interface Transferred {
  readonly done: number
  /** How many failed, by the code of the error. */
  readonly failed: Readonly<Record<string, number>>
}

/** Moves money between random accounts until told to stop. */
export function startTransfers(writer: () => Promise<Transfer>): { stop(): Promise<Transferred> } {
  let going = true
  let done = 0
  const failed: Record<string, number> = {}
  const random = (below: number): number => Math.floor(Math.random() * below)
  const writers = Array.from({ length: WRITERS }, async () => {
    const transfer = await writer()
    while (going) {
      const from = random(ACCOUNTS)
      const to = (from + 1 + random(ACCOUNTS - 1)) % ACCOUNTS
      // In one order, so that two of them do not wait for each other.
      const steps = [[from, -1] as const, [to, 1] as const].sort(([a], [b]) => a - b)
      await transfer(steps).then(
        () => done++,
        ({ code = 'none' }: { code?: string }) => {
          failed[code] = (failed[code] ?? 0) + 1
        },
      )
    }
  })
  return {
    stop: async () => {
      going = false
      await Promise.all(writers)
      return { done, failed }
    },
  }
}
