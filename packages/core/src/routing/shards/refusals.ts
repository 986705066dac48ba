import type { ErrorCode } from '../../errors.js'
import type { StatementFacts } from '../../sql/index.js'
import type { Several } from './prepared-shards.js'
import type { Refused } from './shard-plan.js'
import type { ShardedTable } from './sharded-tables.js'

function refused(code: ErrorCode, message: string, hint: string): Refused {
  return Object.freeze({ kind: 'refused', code, message, hint })
}

function notProven(message: string, hint: string): Refused {
  return refused('SHARDS_NOT_PROVEN', message, hint)
}

export function textNotUnderstood(why: string | null): Refused {
  return notProven(
    `The statement is not understood (${why ?? 'for an unknown reason'}), so it might touch tables that are spread over shards.`,
    'Write it plainly, or run it on a connection to one node.',
  )
}

export function nameInSeveralSchemas(name: string): Refused {
  return notProven(
    `Tables called ${name} are spread in several schemas, and which is meant depends on search_path.`,
    'Put the schema in front of the name.',
  )
}

/** What to use in place of a statement that is not for tables that are spread, by its kind. */
const INSTEAD: Partial<Record<StatementFacts['kind'], string>> = {
  ddl: 'Send it as a text of its own: changes of the schema are made on all shards together.',
  copy: 'Use COPY … FROM STDIN or TO STDOUT with a stream on a client that you have to yourself.',
  session: 'Use a plain SELECT, or a prepared statement of your driver.',
  maintenance: 'Run it on each node by itself.',
  transaction: 'Send BEGIN and COMMIT as texts of their own.',
}

export function notForSpread({ command, kind }: StatementFacts, table: string): Refused {
  const hint = command === 'TRUNCATE' ? 'Use DELETE without WHERE.' : INSTEAD[kind]
  return refused(
    'NOT_SUPPORTED',
    `${command || 'This'} is not possible with ${table}, which is spread over shards.`,
    hint ?? 'Use SELECT, INSERT, UPDATE or DELETE.',
  )
}

export function changesKey({ name }: ShardedTable, column: string): Refused {
  return notProven(
    `It sets ${column}, the shard key of ${name}: changing a row's key moves the row.`,
    'DELETE the row and INSERT it anew, in one transaction.',
  )
}

export function keyMissing({ name }: ShardedTable, column: string): Refused {
  return refused(
    'SHARD_KEY_MISSING',
    `A row for ${name} does not say its shard key ${column}, so it is not known where it belongs.`,
    `Give ${column} a value in the INSERT.`,
  )
}

export function keyNotPlain({ name }: ShardedTable, column: string): Refused {
  return refused(
    'SHARD_KEY_MISSING',
    `The shard key ${column} of a row for ${name} is NULL, DEFAULT or an expression, so it is not known where it belongs.`,
    `Give ${column} as a literal or a parameter.`,
  )
}

/** In PostgreSQL's words. */
export function keyIsNull({ name }: ShardedTable, column: string): Refused {
  return refused(
    'SHARD_KEY_INVALID',
    `null value in column "${column}" of relation "${name}" violates not-null constraint`,
    'A shard key places its row and cannot be NULL.',
  )
}

export function keyNotRead({ name }: ShardedTable, column: string): Refused {
  return refused(
    'SHARD_KEY_INVALID',
    `The shard key ${column} of a row for ${name} cannot be read as a value of its type.`,
    'Give it in the plainest form: whole numbers in decimal digits, text as a string.',
  )
}

export function selectedKeyNotProven({ name }: ShardedTable, column: string): Refused {
  return notProven(
    `It is not proven to which shard the rows belong that the query gives for ${name}.`,
    `Let it read one value of the shard key, and select that as ${column}; or read first and INSERT what you read.`,
  )
}

export function mergedKeyNotProven({ name }: ShardedTable, column: string): Refused {
  return notProven(
    `It is not proven that the rows which this MERGE inserts into ${name} belong where the rows are that it makes them of.`,
    `Join by the shard keys, name the columns that are inserted, and insert as ${column} the shard key of what is merged.`,
  )
}

export function rowsNotSplit({ name }: ShardedTable): Refused {
  return notProven(
    `The rows for ${name} belong to several shards, and other parts of the statement keep them together.`,
    'INSERT the rows of one shard at a time, or all of them in a statement of its own.',
  )
}

export function writesAcrossHome(spread: string): Refused {
  return notProven(
    `It writes, and touches ${spread}, which is spread over shards, together with tables of the home group.`,
    'Do it in two statements: read from one side, then write to the other.',
  )
}

export function referenceWrite({ name }: ShardedTable, why: string): Refused {
  return notProven(
    `Every shard has a copy of ${name}, and the copies might come to differ: ${why}.`,
    'Say which rows and which values in the statement itself, as literals or parameters.',
  )
}

function writesSeveralShards(name: string, why: string): Refused {
  return notProven(
    `It writes, and ${why}.`,
    `Say the shard key of ${name} in WHERE, and join other tables to it by their keys.`,
  )
}

function readsWithLocks(why: string): Refused {
  return notProven(`It locks rows, and ${why}.`, 'Say the shard key in WHERE, or read without FOR UPDATE.')
}

function explainsSeveral(why: string): Refused {
  return notProven(
    `There is no one plan to explain: ${why}.`,
    'Say the shard key in WHERE, or explain it on one node.',
  )
}

function severalStatements(why: string): Refused {
  return notProven(
    `The text has several statements that do not all belong to one shard: ${why}.`,
    'Send them one by one.',
  )
}

/** The refusal of a statement that is not for one shard alone. */
export function refuseSeveral(
  because: Extract<Several, { kind: 'refused' }>['because'],
  table: string,
  why: string,
): Refused {
  switch (because) {
    case 'statements':
      return severalStatements(why)
    case 'explain':
      return explainsSeveral(why)
    case 'locks':
      return readsWithLocks(why)
    case 'writes':
      return writesSeveralShards(table, why)
  }
}
