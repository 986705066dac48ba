/** How the rows of a COPY are written; as its options say, or as PostgreSQL has it where they do not. */
export type CopyFormat =
  | { readonly kind: 'binary' }
  | ({ readonly kind: 'text' } & LineFormat)
  | ({
      readonly kind: 'csv'
      readonly quote: string
      readonly escape: string
      /** Columns in which what is quoted and equals `null` is NULL too. */
      readonly forceNull: ColumnChoice
      /** Columns in which nothing is NULL. */
      readonly forceNotNull: ColumnChoice
    } & LineFormat)

interface LineFormat {
  readonly delimiter: string
  /** What stands for NULL. */
  readonly null: string
  /** What stands for a column's default; null: nothing does. */
  readonly default: string | null
  /** The first line has no row. */
  readonly header: boolean
}

/** Columns by name. */
export type ColumnChoice = readonly string[] | 'all'

/** A column of the shard key, and which of the columns that are copied it is, from 0. */
export interface CopyKeyColumn {
  readonly column: string
  readonly place: number
}
