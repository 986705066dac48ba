import type { Notice, StatementTrace } from '@pgherd/client/internal'
import type { HerdStatus } from '@pgherd/core'
import type { SqlPlan } from '@pgherd/core/api'

/** A function can say as many as it likes; a person reads the first ones. */
const MOST_NOTICES = 100
const LONGEST_NOTICE = 2000
/** As the client says of names that were not in the catalogue when it read that last. */
const UNKNOWN = / is not known$/

type Answered = Parameters<NonNullable<StatementTrace['answered']>>

/** Hears how a statement is answered, and puts it in words. */
export class PlanRecorder implements StatementTrace {
  /** By `host:port`. */
  readonly #nodes: ReadonlyMap<string, { readonly node: string; readonly group: string }>
  readonly #firstGroup: string
  readonly #shards: readonly string[]
  readonly #answered: Answered[] = []
  #notices: string[] = []
  #moreNotices = 0
  #route: { kind: string; groups: readonly string[]; why: string | null } | null = null

  /** `shards`: where rows go whose shard is known only from the rows. */
  constructor({ groups }: HerdStatus, shards: readonly string[]) {
    this.#shards = shards
    this.#firstGroup = groups[0]?.name ?? ''
    this.#nodes = new Map(
      groups.flatMap(({ name, nodes }) =>
        nodes.map(({ name: node, host, port }) => [`${host}:${port}`, { node, group: name }] as const),
      ),
    )
  }

  routed(kind: string, groups: readonly string[], why: string | null): void {
    this.#route = { kind, groups, why }
    this.#answered.length = 0
    this.#notices = []
    this.#moreNotices = 0
  }

  answered(...said: Answered): void {
    this.#answered.push(said)
  }

  /** Groups that all do the same say the same: it is told once. */
  noticed(notice: Notice): void {
    const text = inWords(notice)
    const isRepeated = this.#kind()[0] !== 'one group' && this.#notices.includes(text)
    if (isRepeated) return
    if (this.#notices.length < MOST_NOTICES) this.#notices.push(text)
    else this.#moreNotices++
  }

  /** What servers said beside the answer. */
  get notices(): string[] {
    return this.#moreNotices === 0 ? this.#notices : [...this.#notices, `… and ${this.#moreNotices} more`]
  }

  /** Null when nobody has answered. */
  read(): SqlPlan | null {
    const [kind, why] = this.#kind()
    const [first, ...others] = this.#answered
    if (first === undefined && this.#route === null) return null
    const nodes = this.#answered.map(([{ node }]) => this.#nodes.get(node))
    const heard = nodes.flatMap((known) => (known === undefined ? [] : [known.group]))
    const unnamed = kind === 'several groups' ? this.#shards : heard
    const groups = [...new Set(this.#route?.groups.length ? this.#route.groups : unnamed)]
    const isAlone = first !== undefined && others.length === 0 && kind !== 'several groups'
    return {
      kind,
      groups: groups.length > 0 ? groups : [this.#firstGroup],
      node: isAlone ? (nodes[0]?.node ?? first[0].node) : null,
      role: isAlone ? first[0].role : null,
      connection: isAlone ? (first[0].connection === 'lane' ? 'shared' : 'own') : null,
      why: why ?? this.#whyThere(),
    }
  }

  #kind(): [SqlPlan['kind'], string | null] {
    switch (this.#route?.kind) {
      case undefined:
      case 'group':
        return ['one group', null]
      case 'scatter':
        return ['scatter', 'each shard answers for its rows, and the parts are put together']
      case 'federation':
        return [
          'federation',
          `one server asks all shards, since ${this.#route.why ?? 'nothing else is proven right'}`,
        ]
      case 'each':
        return [
          'several groups',
          'each of these groups does it, in one transaction over them where that is possible',
        ]
      default:
        return ['several groups', 'its rows are in several groups: one transaction over them']
    }
  }

  #whyThere(): string {
    const said = this.#answered.at(-1)
    if (said === undefined) return ''
    const [{ role }, why] = said
    if (why !== null && UNKNOWN.test(why))
      return `${why} yet, perhaps because it is new, so that the primary answers to be on the safe side`
    return why ?? (role === 'standby' ? 'it only reads, so a standby answers' : 'the primary answers')
  }
}

/** As psql shows it, on one line. */
function inWords({ severity = 'NOTICE', message = '', detail, hint }: Notice): string {
  const text = `${severity}: ${message}${detail ? ` (${detail})` : ''}${hint ? ` HINT: ${hint}` : ''}`
  return text.length > LONGEST_NOTICE ? `${text.slice(0, LONGEST_NOTICE)}…` : text
}
