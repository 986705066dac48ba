import type { AnswerColumn } from '@pgherd/core/sql'
import pg from 'pg'

/** A row as the server has said it. */
export type TextRow = (string | null)[]

interface RowParser {
  addFields(fields: readonly pg.FieldDef[]): void
  parseRow(row: TextRow): unknown
}

type ResultConstructor = new (
  rowMode: string | undefined,
  types: pg.CustomTypesConfig | undefined,
) => RowParser

const Result = (pg as unknown as { Result: ResultConstructor }).Result

/** Makes rows of text what `pg` makes of them. */
export class RowMaker {
  /** Those that are shown. */
  readonly fields: pg.FieldDef[]
  readonly #parser: RowParser

  /** `hidden`: so many columns at the end are not shown. */
  constructor(
    fields: readonly pg.FieldDef[],
    hidden: number,
    rowMode: string | undefined,
    types: pg.CustomTypesConfig | undefined,
  ) {
    this.fields = fields.slice(0, fields.length - hidden)
    this.#parser = new Result(rowMode, types)
    this.#parser.addFields(this.fields)
  }

  make(row: TextRow): unknown {
    return this.#parser.parseRow(row.length === this.fields.length ? row : row.slice(0, this.fields.length))
  }
}

export function columnsOf(fields: readonly pg.FieldDef[]): AnswerColumn[] {
  return fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID }))
}
