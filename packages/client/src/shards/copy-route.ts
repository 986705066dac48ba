import type { CopySplitter } from '@pgherd/core/sharding'

/** Where a COPY between a client and the herd goes. */
export type CopyRoute =
  | { readonly kind: 'group'; readonly group: string }
  /** Each row to its shard. `splitter`: takes the data apart; `first` gets a COPY even if it gets no row. */
  | ({
      readonly kind: 'split'
      splitter(first: string, headroom: number): CopySplitter
    } & CopyInto)
  /** All of it to each of the groups. */
  | ({ readonly kind: 'copies' } & CopyInto)
  /** Out of the database that puts together what several groups have. */
  | { readonly kind: 'federation'; readonly text: string }

interface CopyInto {
  /** What each group is told. */
  readonly text: string
  readonly groups: readonly string[]
  /** Nothing is written but the rows. */
  readonly quiet: boolean
}
