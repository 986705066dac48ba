/**
 * Which standbys must have a commit on disk before it is acknowledged: any `count` of `members`.
 * `count` 0 means the primary alone acknowledges.
 */
export interface AckRule {
  count: number
  members: readonly string[]
}

/**
 * A time in which one node was (or may have been) the one that acknowledges.
 *
 * Every commit it acknowledged is on `primary`, and for at least one of `rules` on `count` of its
 * `members`. More than one rule stands here while a change from one to the other is under way, since
 * until it is complete nobody can tell which of them a commit was acknowledged by.
 */
export interface Reign {
  primary: string
  rules: readonly AckRule[]
  /** Once the last rule is in force: how far the members must have flushed before older ones lapse. */
  settleLsn: number | null
  /** It was announced. Without this it is an attempt, which may have begun a timeline of its own. */
  announced?: true
  /** A person accepted that commits of this reign may be lost; it is not asked for any more. */
  lossAccepted?: true
}

/** The rule over these standbys: at least half of them, so that losing the primary loses nothing. */
export function ruleOver(members: readonly string[]): AckRule {
  return { count: Math.ceil(members.length / 2), members: [...members].sort() }
}

export const ALONE: AckRule = { count: 0, members: [] }

export function sameRule(a: AckRule | null, b: AckRule | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.count === b.count &&
    a.members.length === b.members.length &&
    a.members.every((m, i) => m === b.members[i])
  )
}

/** As PostgreSQL's `synchronous_standby_names` wants it. */
export function formatRule(rule: AckRule): string {
  if (rule.count === 0) return ''
  return `ANY ${rule.count} (${rule.members.map((member) => `"${member}"`).join(', ')})`
}

/** Reads back what `formatRule` wrote; null for anything else. */
export function parseRule(text: string): AckRule | null {
  if (text.trim() === '') return ALONE
  const match = /^ANY (\d+) \(((?:"[^"]+"(?:, )?)+)\)$/.exec(text.trim())
  if (!match) return null
  const members = (match[2] as string).split(', ').map((member) => member.slice(1, -1))
  return { count: Number(match[1]), members }
}

/**
 * Whether the nodes in reach together hold every commit acknowledged in these reigns.
 *
 * If `count` of `members` have a commit, any set of more than `members - count` of them contains one
 * that has it (quorum intersection; Gifford 1979, "Weighted Voting for Replicated Data"). Reigns stand
 * in the order in which they began, and who began one had every commit of those before it.
 */
export function holdsEveryCommit(reigns: readonly Reign[], inReach: ReadonlySet<string>): boolean {
  const since = reigns.findLastIndex((reign) => inReach.has(reign.primary)) + 1
  return reigns.slice(since).every((reign) => reign.rules.every((rule) => isCovered(rule, inReach)))
}

function isCovered(rule: AckRule, inReach: ReadonlySet<string>): boolean {
  const reached = rule.members.filter((member) => inReach.has(member)).length
  return reached > rule.members.length - rule.count
}
