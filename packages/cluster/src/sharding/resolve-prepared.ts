import type pg from 'pg'

/** Runs `work` on a group's primary as the superuser, in the herd's database. */
export type OnPrimary = <T>(group: string, work: (client: pg.Client) => Promise<T>) => Promise<T>

/** A part of a transaction over several groups that was left prepared. */
export interface LeftPrepared {
  readonly group: string
  /** As PostgreSQL knows it: `pgherd:<group that decides>:<id of the decision>`. */
  readonly name: string
}

export interface Resolved extends LeftPrepared {
  readonly committed: boolean
}

const NAME = /^pgherd:([^:]+):([0-9a-f-]{36})$/
/** Who decides is asked no longer than this: while it is deciding, the answer is only that it is not done. */
const LOCK_PATIENCE = '2s'

/**
 * Ends what is left prepared of transactions over several groups, as they were decided: a transaction is
 * committed if its decision is in `pgherd.decision` of the group that decides. Where there is none, it is
 * written that there will be none (the primary key lets one of the two be first), and the part is undone.
 * `olderThanMs`: younger ones are likely to be ended by whoever prepared them. What cannot be reached now is
 * left for the next time.
 */
export async function resolvePrepared(
  groups: readonly string[],
  onPrimary: OnPrimary,
  olderThanMs: number,
): Promise<Resolved[]> {
  const resolved: Resolved[] = []
  for (const group of groups) {
    const left = await findPrepared(group, onPrimary, olderThanMs).catch(() => [])
    for (const part of left) {
      const committed = await decisionOf(part, onPrimary).catch(() => null)
      if (committed === null) continue
      const end = committed ? 'COMMIT PREPARED' : 'ROLLBACK PREPARED'
      const done = await onPrimary(group, (client) => client.query(`${end} '${part.name}'`)).catch(() => null)
      if (done !== null) resolved.push({ ...part, committed })
    }
  }
  return resolved
}

async function findPrepared(
  group: string,
  onPrimary: OnPrimary,
  olderThanMs: number,
): Promise<LeftPrepared[]> {
  const { rows } = await onPrimary(group, (client) =>
    client.query<{ gid: string }>(
      `select gid from pg_prepared_xacts
        where database = current_database() and gid like 'pgherd:%'
          and prepared <= clock_timestamp() - $1 * interval '1 millisecond'
        order by prepared`,
      [olderThanMs],
    ),
  )
  return rows.filter(({ gid }) => NAME.test(gid)).map(({ gid }) => ({ group, name: gid }))
}

/** Null: it is being decided. */
async function decisionOf({ name }: LeftPrepared, onPrimary: OnPrimary): Promise<boolean | null> {
  const [, decider, id] = NAME.exec(name) as unknown as [string, string, string]
  return onPrimary(decider, async (client) => {
    await client.query(`set lock_timeout = '${LOCK_PATIENCE}'`)
    await client.query(
      'insert into pgherd.decision (id, committed) values ($1, false) on conflict (id) do nothing',
      [id],
    )
    const { rows } = await client.query<{ committed: boolean }>(
      'select committed from pgherd.decision where id = $1',
      [id],
    )
    return rows[0]?.committed ?? null
  })
}
