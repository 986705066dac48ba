/** What a read may see (design, "consistency"). */
export type Consistency =
  | 'primary'
  | 'session'
  | 'eventual'
  | { readonly bounded: { readonly maxStalenessMs: number } }

/** What is known of a statement before it is planned; core/sql judges it. */
export interface StatementNature {
  /** It changes nothing, so a standby can run it and it may be repeated. */
  readonly reads: boolean
  /** It leaves nothing in its session, so it may share one. */
  readonly shared: boolean
  readonly why: string | null
}

/** Where a statement goes, fixed before any connection is touched. */
export interface Plan {
  /** One shard, several or all. */
  readonly shards:
    | { readonly kind: 'one'; readonly shard: string }
    | { readonly kind: 'several'; readonly shards: readonly string[] }
    | { readonly kind: 'all' }
  readonly role: 'primary' | 'standby'
  /** A lane shared with other callers, or a connection of its own while it runs. */
  readonly connection: 'lane' | 'own'
  /** Running it twice is the same as running it once (I3). */
  readonly repeatable: boolean
  /** A standby must have replayed what the session wrote. */
  readonly afterOwnWrites: boolean
  /** How stale the answer may be; null when that is not limited by time. */
  readonly maxStalenessMs: number | null
  /** Why not a standby or not a lane; null when it may use both. */
  readonly why: string | null
}

/**
 * Plans a statement of a group: reads go where their consistency allows, all else to the primary. A
 * read shares a lane; a write has a connection to itself while it runs, since on a lane it would make
 * those behind it wait for its locks and its commit.
 */
export function planStatement(nature: StatementNature, consistency: Consistency, shard: string): Plan {
  const role = nature.reads && consistency !== 'primary' ? 'standby' : 'primary'
  return {
    shards: { kind: 'one', shard },
    role,
    connection: nature.reads && nature.shared ? 'lane' : 'own',
    repeatable: nature.reads,
    afterOwnWrites: consistency === 'session',
    maxStalenessMs: typeof consistency === 'object' ? consistency.bounded.maxStalenessMs : null,
    why: nature.why,
  }
}
