export {
  type Lexed,
  type LexOptions,
  type LiteralKind,
  type LiteralSpan,
  lexStatement,
} from './lex-statement.js'
export { isParserReady, loadParser } from './parser.js'
export { readFacts } from './read-facts.js'
export type * from './statement-facts.js'
