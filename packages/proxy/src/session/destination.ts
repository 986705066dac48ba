import type { Session, StatementRecord } from '@pgherd/client/internal'
import type { Lsn } from '@pgherd/core'
import { type Consistency, lsnForStaleness } from '@pgherd/core/routing'
import type { HerdLink } from '../herd-link.js'
import type { Tenant } from '../server/tenant.js'
import type { Batch } from './client-batch.js'
import { hintOf } from './consistency-hint.js'
import { type ShownPlan, whyThere } from './shown-plan.js'
import { namesPrepared, opensReadOnly } from './statement-traits.js'

/** Whose batch it is, as far as where it goes depends on it. */
export interface Traveller {
  readonly tenant: Tenant
  readonly link: HerdLink
  /** What it has written, for its reads to see. */
  readonly writes: Session
  /** What its reads may see unless they say otherwise. */
  readonly consistency: Consistency
  /** Of standbys that are as good, always the same one for the same number. */
  readonly turn: number
}

/** Which node a batch is for and whether it may share a connection there; null: just now there is none. */
export function destinationOf(batch: Batch, traveller: Traveller): (ShownPlan & { reads: boolean }) | null {
  const { tenant, turn } = traveller
  const { records } = batch
  const reads = records.every(({ judgement }) => judgement.reads)
  const shared = reads && !batch.onOwn && records.every(mayShare)
  // What leaves something in its session keeps the connection, and later writes must find a primary there.
  const staysClean = !records.some(({ nature }) => nature.leavesTraces)
  const mayUseStandby = ((reads && staysClean) || opensReadOnly(records)) && !batch.onPrimary
  const position = mayUseStandby ? standbyPosition(records, traveller) : null
  const choice = tenant.choose(position === null ? 'primary' : 'standby', position ?? 0, turn)
  const at = choice.kind === 'behind' ? tenant.choose('primary', 0, 0) : choice
  if (at.kind !== 'node') return null
  return {
    node: at.node,
    role: at.role,
    connection: shared ? 'shared' : 'own',
    why: whyThere(records, at.role, mayUseStandby, position, choice.kind),
    reads,
  }
}

function mayShare(record: StatementRecord): boolean {
  const { judgement, facts, pace } = record
  if (!judgement.shared || facts.statements > 1 || !pace.mayShare(performance.now())) return false
  return !namesPrepared(record)
}

/** What a standby must have replayed to answer what reads; null: the primary is to answer. */
function standbyPosition(
  records: readonly StatementRecord[],
  { link, writes, consistency: usual }: Traveller,
): Lsn | null {
  const [record] = records
  const consistency = (record !== undefined && records.length === 1 ? hintOf(record.text) : null) ?? usual
  if (consistency === 'primary') return null
  if (consistency === 'eventual') return 0
  if (typeof consistency === 'object')
    return lsnForStaleness(link.view, consistency.bounded.maxStalenessMs, performance.now())
  const position = link.positionOf(writes)
  // This read is the primary's; those that follow may be a standby's again.
  if (position === null) link.stamper.whenStamped(writes, () => {})
  return position
}
