/**
 * The one catalogue of what can go wrong. Callers match `code`, never the message.
 * docs/errors.md is checked against it.
 */
export const ERROR_CATALOGUE = {
  USAGE: { retryable: false, exitCode: 2, summary: 'The command was used wrongly.' },
  SPEC_NOT_FOUND: { retryable: false, exitCode: 2, summary: 'There is no spec file at the path given.' },
  SPEC_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'The spec says something pgherd does not understand.',
  },
  SPEC_CHANGED: {
    retryable: false,
    exitCode: 1,
    summary: 'The spec disagrees with what the herd on disk was made from.',
  },
  NOT_SUPPORTED: {
    retryable: false,
    exitCode: 2,
    summary: 'This version of pgherd cannot do yet what was asked for.',
  },
  HERD_NOT_FOUND: {
    retryable: false,
    exitCode: 1,
    summary: 'No herd has been created at this state directory.',
  },
  HERD_NOT_RUNNING: { retryable: true, exitCode: 1, summary: 'No supervisor is running for this herd.' },
  HERD_ALREADY_RUNNING: {
    retryable: false,
    exitCode: 1,
    summary: 'Another supervisor already runs this herd.',
  },
  STATE_UNREADABLE: { retryable: false, exitCode: 1, summary: 'The state on disk cannot be read as a herd.' },
  UNKNOWN_GROUP: { retryable: false, exitCode: 2, summary: 'The herd has no group of this name.' },
  UNKNOWN_NODE: { retryable: false, exitCode: 2, summary: 'The herd has no node of this name.' },
  CONFIRMATION_NEEDED: {
    retryable: false,
    exitCode: 2,
    summary: 'This deletes data and needs your explicit word.',
  },
  BINARIES_MISSING: {
    retryable: false,
    exitCode: 1,
    summary: 'No PostgreSQL programs of the wanted version were found.',
  },
  PORT_TAKEN: {
    retryable: true,
    exitCode: 1,
    summary: 'A port the herd needs is in use by another program.',
  },
  NO_SPACE: { retryable: true, exitCode: 1, summary: 'The file system has no space left.' },
  NO_SHARED_MEMORY: {
    retryable: true,
    exitCode: 1,
    summary: 'The system did not give PostgreSQL the memory it asked for.',
  },
  PERMISSION_DENIED: { retryable: false, exitCode: 1, summary: 'The operating system refused access.' },
  DATA_DIRECTORY_VERSION: {
    retryable: false,
    exitCode: 1,
    summary: 'The data directory belongs to another PostgreSQL version.',
  },
  DATA_DIRECTORY_FOREIGN: {
    retryable: false,
    exitCode: 1,
    summary: 'The directory holds something that is not this node’s data.',
  },
  SERVER_START_FAILED: { retryable: true, exitCode: 1, summary: 'PostgreSQL did not start.' },
  SERVER_STOP_TIMEOUT: { retryable: true, exitCode: 1, summary: 'PostgreSQL did not stop in time.' },
  NO_ELIGIBLE_SUCCESSOR: {
    retryable: true,
    exitCode: 1,
    summary: 'No standby may take over without risking acknowledged writes.',
  },
  SWITCHOVER_REFUSED: { retryable: true, exitCode: 1, summary: 'A switchover would not be safe now.' },
  OPERATION_FAILED: { retryable: true, exitCode: 1, summary: 'The operation was tried and did not succeed.' },
  INTERRUPTED: { retryable: true, exitCode: 1, summary: 'You interrupted it before it was done.' },
  UNKNOWN_JOB: { retryable: false, exitCode: 1, summary: 'There is no job of this id, or no longer.' },
  UNKNOWN_TOKEN: { retryable: false, exitCode: 2, summary: 'There is no token of this name.' },
  TOKEN_NEEDED: {
    retryable: false,
    exitCode: 1,
    summary: 'The control API wants a token that is known and has not expired.',
  },
  NOT_ALLOWED: {
    retryable: false,
    exitCode: 1,
    summary: 'Whoever asks the control API may not do this, or not from where they ask.',
  },
  TOO_MANY_REQUESTS: {
    retryable: true,
    exitCode: 1,
    summary: 'The control API was asked more often than it answers.',
  },
  OPTIONS_INVALID: { retryable: false, exitCode: 2, summary: 'An option or token makes no sense.' },
  NODES_UNREACHABLE: { retryable: true, exitCode: 1, summary: 'None of the nodes could ever be reached.' },
  CLUSTERS_MIXED: {
    retryable: false,
    exitCode: 2,
    summary: 'The nodes named belong to different clusters.',
  },
  NO_PRIMARY: { retryable: true, exitCode: 1, summary: 'No node that takes writes was found in time.' },
  QUEUE_FULL: { retryable: true, exitCode: 1, summary: 'Too many statements wait already.' },
  POOL_CLOSED: { retryable: false, exitCode: 1, summary: 'The pool has been ended.' },
  CLIENT_RELEASED: { retryable: false, exitCode: 1, summary: 'The client was given back to its pool.' },
  VALUES_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'The statement or one of its values cannot be sent.',
  },
  SHARD_KEY_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'A value cannot be a shard key of its type.',
  },
  SHARD_KEY_MISSING: {
    retryable: false,
    exitCode: 2,
    summary: 'A row to be inserted does not plainly say its shard key.',
  },
  SHARDS_NOT_PROVEN: {
    retryable: false,
    exitCode: 2,
    summary: 'It is not proven that a statement would do on shards what it does in one database.',
  },
  SHARD_MAP_INVALID: {
    retryable: false,
    exitCode: 1,
    summary: 'A shard map, or a change to it, does not give each position one owner.',
  },
  TRANSACTION_LOST: {
    retryable: true,
    exitCode: 1,
    summary: 'The connection ended before COMMIT was sent, so the transaction was rolled back.',
  },
  TRANSACTION_ABORTED: {
    retryable: false,
    exitCode: 1,
    summary: 'The transaction was rolled back because one of its statements had failed.',
  },
  OUTCOME_UNKNOWN: {
    retryable: false,
    exitCode: 1,
    summary: 'A write was cut off; whether it took effect is not known.',
  },
  SQL_FAILED: { retryable: false, exitCode: 1, summary: 'PostgreSQL refused the statement.' },
  INTERNAL: { retryable: false, exitCode: 1, summary: 'A bug in pgherd.' },
} as const satisfies Record<string, { retryable: boolean; exitCode: 1 | 2; summary: string }>

export type ErrorCode = keyof typeof ERROR_CATALOGUE

/** An error a person is meant to read: one clear sentence, and what to do about it when there is something. */
export class HerdError extends Error {
  readonly code: ErrorCode
  /** Trying the same again later may succeed. */
  readonly retryable: boolean
  /** What to type or change, as one sentence; absent when there is nothing to do. */
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'HerdError'
    this.code = code
    this.retryable = ERROR_CATALOGUE[code].retryable
    this.hint = options.hint
  }

  /** Plain data, for `--json` and the control API. */
  toJSON(): { code: ErrorCode; message: string; hint?: string; retryable: boolean } {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      retryable: this.retryable,
    }
  }
}
