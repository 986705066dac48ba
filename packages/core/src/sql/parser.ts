import instantiate from 'libpg-query/wasm/libpg-query.js'

type ParserModule = Awaited<ReturnType<typeof instantiate>>

/** A node's fields, or a whole node as `{ NodeType: fields }`; what PostgreSQL's parser gives, as JSON. */
export interface Fields {
  readonly [field: string]: unknown
}

export type Parsed =
  | { kind: 'tree'; statements: readonly Fields[] }
  | { kind: 'error'; message: string }
  /** The parser fell over this text, or is being put back on its feet. */
  | { kind: 'crashed'; message: string; again: boolean }

let parser: ParserModule | null = null
let loading: Promise<void> | null = null

/** Gets PostgreSQL's parser ready, which takes about 20 ms once; `parseSql` does not wait for it. */
export async function loadParser(): Promise<void> {
  if (parser !== null) return
  loading ??= instantiate()
    .then((module) => {
      parser = module
    })
    .finally(() => {
      loading = null
    })
  await loading
}

/** Whether `parseSql` would answer now: not before the first `loadParser`, nor right after a crash. */
export function isParserReady(): boolean {
  return parser !== null
}

/**
 * Parses SQL as PostgreSQL 18 does.
 *
 * A text nested some hundred levels deep overflows the stack inside the module. That leaves it damaged,
 * unseen until some later text fails, so a module that crashed is thrown away and the next one loaded.
 */
export function parseSql(text: string): Parsed {
  if (parser === null) return { kind: 'crashed', message: 'the SQL parser is being loaded', again: true }
  try {
    return parseWith(parser, text)
  } catch (error) {
    parser = null
    // A failure to load shows at the next `loadParser`; until then nothing is understood.
    loadParser().catch(() => undefined)
    const message = error instanceof RangeError ? 'nested too deeply' : 'the SQL parser crashed'
    return { kind: 'crashed', message, again: false }
  }
}

function parseWith(module: ParserModule, text: string): Parsed {
  const size = module.lengthBytesUTF8(text) + 1
  const query = module._malloc(size)
  module.stringToUTF8(text, query, size)
  const result = module._wasm_parse_query_raw(query)
  // PgQueryParseResult: parse_tree, stderr_buffer, error; PgQueryError begins with its message.
  const tree = module.getValue(result, 'i32')
  const error = module.getValue(result + 8, 'i32')
  const json = error === 0 ? module.UTF8ToString(tree) : ''
  const message = error === 0 ? '' : module.UTF8ToString(module.getValue(error, 'i32'))
  module._free(query)
  module._wasm_free_parse_result(result)
  if (error !== 0) return { kind: 'error', message }
  return { kind: 'tree', statements: (JSON.parse(json) as { stmts?: Fields[] }).stmts ?? [] }
}
