export * from './catalogue.js'
export { CATALOGUE_SQL } from './catalogue-sql.js'
export {
  type CopyIn,
  type CopyQuery,
  type CopyStatement,
  type CopyTable,
  readCopy,
} from './copy-statement.js'
export { type ExplainStatement, readExplain } from './explain-statement.js'
export { federationCatalogue } from './federation-catalogue.js'
export { type Judgement, judgeStatement } from './judge-statement.js'
export {
  type Lexed,
  type LexOptions,
  type LiteralKind,
  type LiteralSpan,
  lexStatement,
} from './lex-statement.js'
export { type ListedOrder, listedOrder } from './listed-rows.js'
export { type AnswerColumn, mergeStatement } from './merge-statement.js'
export { isParserReady, loadParser } from './parser.js'
export { readFacts } from './read-facts.js'
export { returningMore } from './returning-more.js'
export { RowMerge } from './row-merge.js'
export { type RowCompare, rowOrder } from './row-order.js'
export type { Gathered } from './scatter-draft.js'
export { type CountedRows, countRows, type RowCount } from './scatter-order.js'
export {
  comparesValues,
  EACH,
  type GroupGathering,
  MOST_GROUPS,
  type NotScattered,
  type RowGathering,
  readScatter,
  type ScatterRead,
  type SortKey,
} from './scatter-read.js'
export { type ForeignKey, readSchemaChange, type SchemaChange } from './schema-change.js'
export { readSelectInsert, type SelectInsert, VALUE_PARAMETERS } from './select-insert.js'
export { type InsertRows, nameColumns, splitInsert } from './split-insert.js'
export type * from './statement-facts.js'
export { type ReaderOptions, type ReaderStats, type Reading, StatementReader } from './statement-reader.js'
export { type StatementPart, StatementText } from './statement-text.js'
export { compareValuesAs, type RowText } from './value-order.js'
export { type RowCursor, readValueRows, type ValueRows, type WrittenValue } from './value-rows.js'
