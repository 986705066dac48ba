import type { Phase } from './group-memory.js'
import type { Condition } from './observation.js'

/**
 * What is done next about who may write.
 *
 * wait      nothing: what was set in motion is under way
 * tend      the primary serves: look after standbys and acknowledgement
 * create    make the first primary's data directory
 * revive    start the node again in the role it has
 * announce  the expected node writes: say so, under a new epoch where it is a new one
 * replace   condemn the primary if a successor may take over, else revive it in place
 * condemn   fence the primary, whether or not a successor is in sight
 * fence     kill what runs of it and mark its data so that it can only return as a standby
 * elect     the old primary cannot write: choose a successor among those that are allowed
 * promote   tell the chosen successor to become primary
 * abandon   the chosen successor failed and is fenced: choose again
 * drain     let transactions finish, then stop the primary in order
 * handover  the primary is stopped: promote the successor if it has everything
 */
export type Step =
  | 'wait'
  | 'tend'
  | 'create'
  | 'revive'
  | 'announce'
  | 'replace'
  | 'condemn'
  | 'fence'
  | 'elect'
  | 'promote'
  | 'abandon'
  | 'drain'
  | 'handover'

/**
 * Every phase with every condition of its subject: the successor while promoting, else the primary.
 * docs/failover.md prints this table and a test keeps the two equal.
 */
export const STEPS: Readonly<Record<Phase, Readonly<Record<Condition, Step>>>> = {
  forming: {
    writes: 'announce',
    follows: 'promote',
    quiet: 'wait',
    hung: 'fence',
    stopped: 'revive',
    fenced: 'revive',
    absent: 'create',
  },
  steady: {
    writes: 'tend',
    follows: 'condemn',
    quiet: 'wait',
    hung: 'replace',
    stopped: 'replace',
    fenced: 'replace',
    absent: 'condemn',
  },
  'failing-over': {
    writes: 'fence',
    follows: 'elect',
    quiet: 'elect',
    hung: 'fence',
    stopped: 'fence',
    fenced: 'elect',
    absent: 'elect',
  },
  promoting: {
    writes: 'announce',
    follows: 'promote',
    quiet: 'wait',
    hung: 'fence',
    stopped: 'fence',
    fenced: 'abandon',
    absent: 'abandon',
  },
  'switching-over': {
    writes: 'drain',
    follows: 'condemn',
    quiet: 'drain',
    hung: 'condemn',
    stopped: 'handover',
    fenced: 'handover',
    absent: 'condemn',
  },
}
