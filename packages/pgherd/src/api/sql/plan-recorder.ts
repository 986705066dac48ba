import type { StatementTrace } from '@pgherd/client/internal'
import type { HerdStatus } from '@pgherd/core'
import type { SqlPlan } from '@pgherd/core/api'

type Answered = Parameters<NonNullable<StatementTrace['answered']>>

/** Hears how a statement is answered, and puts it in words. */
export class PlanRecorder implements StatementTrace {
  /** By `host:port`. */
  readonly #nodes: ReadonlyMap<string, { readonly node: string; readonly group: string }>
  readonly #firstGroup: string
  readonly #shards: readonly string[]
  readonly #answered: Answered[] = []
  #route: { kind: string; groups: readonly string[] } | null = null

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

  routed(kind: string, groups: readonly string[]): void {
    this.#route = { kind, groups }
    this.#answered.length = 0
  }

  answered(...said: Answered): void {
    this.#answered.push(said)
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
          "it is not proven that shards' parts could be put together: one server asks them all",
        ]
      default:
        return ['several groups', 'its rows are in several groups: one transaction over them']
    }
  }

  #whyThere(): string {
    const said = this.#answered.at(-1)
    if (said === undefined) return ''
    const [{ role }, why] = said
    return why ?? (role === 'standby' ? 'it only reads, so a standby answers' : 'the primary answers')
  }
}
