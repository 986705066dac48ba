import type { Consistency, Plan } from '@pgherd/core/routing'
import type pg from 'pg'
import type { PgQueryConfig } from './pg-internals.js'
import type { SynchronousCommit } from './pool-options.js'
import type { Session } from './session.js'
import type { StatementRecord } from './statement-book.js'
import type { StatementTrace } from './statement-trace.js'

/** The span that a statement will be a child of: a `Context`, whose type only applications with OpenTelemetry have. */
export type Surroundings = unknown

export type Answer = pg.QueryResult | pg.QueryResult[]

/** A node with the kind of connection a statement has there. */
export interface Destination {
  readonly node: string
  readonly role: 'primary' | 'standby'
  readonly connection: 'lane' | 'own'
}

/** One call of `query`, from the moment its plan is fixed until it is answered. */
export interface Statement {
  readonly config: PgQueryConfig
  readonly record: StatementRecord
  readonly plan: Plan
  readonly session: Session
  /** How many writes of its session had been acknowledged when it was given. */
  readonly afterWrites: number
  /** On the monotonic clock. */
  readonly startedAtMs: number
  /** What surrounds it for tracing; null when nobody traces. */
  readonly surroundings: Surroundings | null
  /** On the monotonic clock: until then it waits for a node that can take it. */
  deadlineMs: number
  readonly signal: AbortSignal | null
  readonly trace: StatementTrace | null
  /** The most rows the server is to make; null: all. */
  readonly firstRows: number | null
  /** How far a write must have come before it is acknowledged; null: as the server says. */
  readonly synchronousCommit: SynchronousCommit | null
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  /** Answered, or given up: what still comes of it is ignored. */
  settled: boolean
  /** A connection of its own has it: only the server can end it without doubt. */
  underWay: boolean
  /** No standby would do: the primary answers. */
  onPrimary: boolean
  /** A lane was not for it after all. */
  onOwn: boolean
  /** A standby was tried before it was known to be far enough. */
  guessed: boolean
  /** Where it was sent last. */
  sentTo: Destination | null
  repeats: number
  /** How often a connection ended while it was running. */
  cutOffs: number
  /** Takes back what lets it wait for a node. */
  stopWaiting: (() => void) | null
  onSettled: (() => void) | null
}

/** What a caller may say about one statement, beside what `pg` takes. */
export interface StatementOptions {
  consistency?: Consistency
  signal?: AbortSignal
}
