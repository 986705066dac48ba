import { HerdError } from '@pgherd/core'
import { type QualifiedName, returningMore } from '@pgherd/core/sql'
import pg from 'pg'
import { keyIsNull, sqlError } from './herd-answers.js'

/** An UPDATE that sets the shard key of rows on some groups. */
export interface MoveRoute {
  readonly kind: 'move'
  /** Where the rows are now. */
  readonly groups: readonly string[]
  readonly table: QualifiedName
  readonly key: readonly string[]
  /** All that are not generated, the key among them. */
  readonly columns: readonly string[]
  /** Tables of which every shard has all rows, as `schema.name`. */
  readonly references: readonly string[]
  /** The group of a row with this key. */
  ownerOf(key: readonly string[]): string
  /** Why it is not done, where it cannot be. */
  readonly refusal: HerdError
}

/** What refuses an UPDATE of the shard key, for who cannot move rows. */
export class KeyChange extends HerdError {
  readonly route: MoveRoute

  constructor(route: MoveRoute) {
    super(route.refusal.code, route.refusal.message, { hint: route.refusal.hint as string })
    this.route = route
  }
}

/** A row that is where it does not belong any more, its values as text. */
export interface MovedRow {
  readonly ctid: string
  readonly owner: string
  readonly values: readonly (string | null)[]
}

const MOVED = 'pgherd_moved'
/** Rows and parameters of one INSERT. */
const MOST_ROWS = 500
const MOST_PARAMETERS = 60_000

/** The UPDATE, which returns of each row also where it stands and all that it holds, for the row to be moved. */
export function updateText(route: MoveRoute, text: string): string {
  const say = (table: string): string => {
    const columns = route.columns.map((column) => `${table}.${pg.escapeIdentifier(column)}::text`)
    return `array_to_json(array[${[`${table}.ctid::text`, ...columns].join(', ')}])::text`
  }
  const more = returningMore(text, MOVED, say)
  if (more === null) throw route.refusal
  return more
}

/** Takes what `updateText` added out of an answer: the rows that do not belong where they are. */
export function takeMoved(route: MoveRoute, group: string, answer: pg.QueryResult): MovedRow[] {
  const last = answer.fields.pop()
  if (last?.name !== MOVED) throw route.refusal
  const moved: MovedRow[] = []
  for (const answered of answer.rows as (unknown[] | Record<string, unknown>)[]) {
    const said = Array.isArray(answered) ? answered.pop() : answered[MOVED]
    if (!Array.isArray(answered)) delete answered[MOVED]
    const row = readMoved(route, String(said))
    if (row.owner !== group) moved.push(row)
  }
  // Nothing was asked for.
  if (answer.fields.length === 0) answer.rows = []
  return moved
}

/** What the column says that `updateText` added. Throws for a key that is NULL now. */
export function readMoved(route: MoveRoute, said: string): MovedRow {
  const [ctid, ...values] = JSON.parse(said) as [string, ...(string | null)[]]
  return { ctid, owner: route.ownerOf(route.key.map((column) => keyOf(route, column, values))), values }
}

function keyOf({ columns, table }: MoveRoute, column: string, values: readonly (string | null)[]): string {
  const value = values[columns.indexOf(column)] ?? null
  if (value !== null) return value
  throw keyIsNull(table.name, column)
}

/** Takes rows away from where they are. */
export function deleteMoved(route: MoveRoute, rows: readonly MovedRow[]): pg.QueryConfig {
  return {
    text: `delete from ${tableOf(route)} where ctid = any ($1::tid[])`,
    values: [rows.map(({ ctid }) => ctid)],
  }
}

/** Puts rows where they belong. */
export function insertMoved(route: MoveRoute, rows: readonly MovedRow[]): pg.QueryConfig[] {
  const { columns } = route
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_PARAMETERS / columns.length)))
  const names = columns.map((column) => pg.escapeIdentifier(column)).join(', ')
  const all: pg.QueryConfig[] = []
  for (let from = 0; from < rows.length; from += most) {
    const some = rows.slice(from, from + most)
    const places = some.map(
      (_, row) => `(${columns.map((_, at) => `$${row * columns.length + at + 1}`).join(', ')})`,
    )
    const text = `insert into ${tableOf(route)} (${names}) overriding system value values ${places.join(', ')}`
    all.push({ text, values: some.flatMap(({ values }) => values) })
  }
  return all
}

/**
 * Keeps the table as it is until the transaction ends, and says why rows of it cannot be moved as one database
 * would change them: as row `why`, and its columns, in the last of two answers. What is done to a row that moves is
 * an UPDATE where it was, as PostgreSQL does it with all its checks, then a DELETE there and an INSERT elsewhere:
 * nobody may notice those two.
 */
export function checkMovable({ table, references }: MoveRoute): string {
  const name = pg.escapeLiteral(tableOf({ table }))
  const copied = references.map((each) => pg.escapeLiteral(each)).join(', ')
  return `
    lock table ${tableOf({ table })} in row exclusive mode;
    select case
        when c.relkind <> 'r' or c.relhassubclass then 'the table has partitions or children'
        when c.relhasrules then 'the table has rules'
        when c.relrowsecurity then 'the table has row security'
        when exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal)
          then 'the table has triggers, to which a row that moves is one deleted and another inserted'
        when exists (
          select from pg_constraint f join pg_class r on r.oid = f.confrelid join pg_namespace n on n.oid = r.relnamespace
           where f.conrelid = c.oid and f.contype = 'f'
             and n.nspname || '.' || r.relname <> all (array[${copied}]::text[])
        ) then 'what its foreign key refers to is on the shard that the row would leave'
        when exists (
          select from pg_constraint f
           where f.confrelid = c.oid and f.contype = 'f' and f.confupdtype not in ('a', 'r')
        ) then 'a foreign key changes rows of another table with it'
        when current_setting('extra_float_digits')::int < 1 then 'extra_float_digits is below 1'
      end as why,
      array(
        select a.attname::text from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum
      ) as columns
      from pg_class c where c.oid = ${name}::regclass`
}

/** Throws what refuses the move, given what `checkMovable` found. */
export function refuseMove(route: MoveRoute, why: string | null, columns: readonly string[]): void {
  if (why !== null)
    throw new HerdError(
      'SHARDS_NOT_PROVEN',
      `It changes the shard key of ${route.table.name}, which moves rows to other shards, and ${why}.`,
      { hint: 'DELETE the row and INSERT it anew, in one transaction.' },
    )
  if (columns.join() !== route.columns.join())
    throw sqlError('40001', `the columns of ${route.table.name} have changed meanwhile`)
}

function tableOf({ table: { schema, name } }: Pick<MoveRoute, 'table'>): string {
  return `${pg.escapeIdentifier(schema ?? 'public')}.${pg.escapeIdentifier(name)}`
}
