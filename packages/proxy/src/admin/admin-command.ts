/** What can be shown, in the order in which HELP names it. */
export const SHOWN = [
  'CLIENTS',
  'SERVERS',
  'POOLS',
  'LANES',
  'STATS',
  'NODES',
  'WORKERS',
  'CONFIG',
  'VERSION',
  'HELP',
] as const
export type Shown = (typeof SHOWN)[number]

/** One command of the admin database. `database` null: all of them. */
export type AdminCommand =
  | { readonly kind: 'SHOW'; readonly what: Shown }
  | { readonly kind: 'PAUSE' | 'RESUME' | 'RECONNECT'; readonly database: string | null }
  | { readonly kind: 'KILL'; readonly client: number }
  | { readonly kind: 'RELOAD' | 'SHUTDOWN' }
  /** Drivers set things as they connect; nothing here depends on them. */
  | { readonly kind: 'SET' }

/** What each command does, for HELP. */
export const HELP: readonly (readonly [command: string, meaning: string])[] = [
  ['SHOW CLIENTS', 'who is connected, and what they do'],
  ['SHOW SERVERS', 'connections to PostgreSQL'],
  ['SHOW POOLS', 'what the clients of each user and database have on each node'],
  ['SHOW LANES', 'connections that reads of many clients share'],
  ['SHOW STATS', 'counts since the start'],
  ['SHOW NODES', 'the servers behind the proxy, their roles and lag'],
  ['SHOW WORKERS', 'the processes that serve clients'],
  ['SHOW CONFIG', 'settings, and which of them RELOAD changes'],
  ['SHOW VERSION', 'the version of the proxy'],
  ['SHOW HELP', 'this list'],
  ['PAUSE [database]', 'let what runs finish and keep new work waiting; returns when nothing runs any more'],
  ['RESUME [database]', 'let what waits go on'],
  ['RELOAD', 'read settings, users and catalogues again; nobody is disconnected'],
  ['RECONNECT [database]', 'replace connections to PostgreSQL, each as soon as nobody uses it'],
  ['KILL <client id>', 'disconnect a client of SHOW CLIENTS'],
  ['SHUTDOWN', 'stop the proxy once open transactions have finished'],
]

/** The text is no command; the message is as PostgreSQL's parser would say it. */
export class AdminSyntaxError extends Error {
  readonly hint = 'SHOW HELP lists the commands of this database.'
}

interface Token {
  readonly kind: 'word' | 'name' | 'other'
  /** As it stands in the text. */
  readonly text: string
  /** A name without its quotes. */
  readonly value: string
}

const TOKEN = /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"]|"")+"|'(?:[^']|'')*')|([A-Za-z_][\w$]*|\d+)|([\s\S])/gy

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  for (const [whole, quoted, word, other] of text.matchAll(TOKEN)) {
    if (quoted !== undefined) {
      const quote = quoted[0] as string
      const value = quoted.slice(1, -1).replaceAll(quote + quote, quote)
      tokens.push({ kind: 'name', text: whole, value })
    } else if (word !== undefined) tokens.push({ kind: 'word', text: whole, value: word.toLowerCase() })
    else if (other !== undefined) tokens.push({ kind: 'other', text: whole, value: whole })
  }
  return tokens
}

/** The commands of a text, separated by semicolons. Throws AdminSyntaxError. */
export function parseAdminCommands(text: string): AdminCommand[] {
  const commands: AdminCommand[] = []
  let tokens: Token[] = []
  for (const token of [...tokenize(text), { kind: 'other', text: ';', value: ';' } as const]) {
    if (token.kind !== 'other' || token.value !== ';') tokens.push(token)
    else {
      if (tokens.length > 0) commands.push(parseCommand(tokens))
      tokens = []
    }
  }
  return commands
}

function parseCommand([first, ...rest]: Token[]): AdminCommand {
  const kind = first?.kind === 'word' ? first.value.toUpperCase() : ''
  switch (kind) {
    case 'SHOW': {
      const [what, ...more] = rest
      const shown = SHOWN.find((each) => what?.kind === 'word' && each === what.value.toUpperCase())
      if (shown === undefined) throw unexpected(what)
      return ended(more, { kind, what: shown })
    }
    case 'PAUSE':
    case 'RESUME':
    case 'RECONNECT': {
      const [database, ...more] = rest
      if (database?.kind === 'other') throw unexpected(database)
      return ended(more, { kind, database: database?.value ?? null })
    }
    case 'KILL': {
      const [client, ...more] = rest
      if (client?.kind !== 'word' || !/^\d+$/.test(client.value)) throw unexpected(client)
      return ended(more, { kind, client: Number(client.value) })
    }
    case 'RELOAD':
    case 'SHUTDOWN':
      return ended(rest, { kind })
    case 'SET':
      return { kind }
    default:
      throw unexpected(first)
  }
}

function ended(rest: readonly Token[], command: AdminCommand): AdminCommand {
  if (rest.length > 0) throw unexpected(rest[0])
  return command
}

function unexpected(token: Token | undefined): AdminSyntaxError {
  return new AdminSyntaxError(
    token === undefined ? 'syntax error at end of input' : `syntax error at or near "${token.text}"`,
  )
}
