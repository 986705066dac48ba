import type { StatementRecord } from '@pgherd/client/internal'
import { FROM_CLIENT } from '../protocol/client-messages.js'
import type { Request } from './batch.js'
import { type SettingChange, settingChange } from './session-settings.js'
import { type PreparedChange, preparedChange } from './sql-prepared.js'

/** A Query, or a FunctionCall, as it came. */
export interface SimpleMessage {
  readonly message: Buffer
  readonly text: string
}

/** What a client asked for up to a Sync, or one Query. */
export interface Batch {
  simple: SimpleMessage | null
  requests: readonly Request[]
  /** What of it is executed. */
  records: readonly StatementRecord[]
  readonly startedMs: number
  deadlineMs: number
  /** Ends with a Flush: more of it will come. */
  readonly partial: boolean
  /** It goes on after a Flush. */
  readonly continues: boolean
  onPrimary: boolean
  onOwn: boolean
  /** The server is to get its text as it is. */
  asItCame: boolean
  readonly isFunctionCall: boolean
  /** It is with a server on a connection of its own: what goes on after a Flush may follow. */
  isOut: boolean
  /** Something of the answer has gone to the client. */
  told: boolean
  /** All that was asked up to a Flush has been answered, and nothing of it is with a server. */
  isAnswered: boolean
  /** A server has it. */
  sent: boolean
  /** Its session held, before it, what the client may count on. */
  afterKept: boolean
  /** All it does is change a setting, or what is prepared by SQL, which can be said again elsewhere. */
  setting: SettingChange | PreparedChange | null
  /** An error was part of the answer. */
  failed: boolean
  cutOffs: number
}

/** `last`: what was under way, where this goes on after a Flush. It waits for `patienceMs` to be run. */
export function newBatch(
  { simple, requests, partial }: Pick<Batch, 'simple' | 'requests' | 'partial'>,
  last: Batch | null,
  patienceMs: number,
): Batch {
  const before = last?.isAnswered ? null : last
  const nowMs = performance.now()
  const isFunctionCall = simple?.message[0] === FROM_CLIENT.functionCall
  return {
    simple,
    requests,
    records: [],
    startedMs: before?.startedMs ?? nowMs,
    deadlineMs: nowMs + patienceMs,
    partial,
    continues: before !== null,
    // What it is about may come after the Flush.
    onPrimary: partial || isFunctionCall,
    onOwn: partial || before !== null || isFunctionCall,
    asItCame: false,
    isFunctionCall,
    isOut: false,
    isAnswered: false,
    told: before?.told ?? false,
    sent: before?.sent ?? false,
    afterKept: false,
    setting: null,
    failed: false,
    cutOffs: 0,
  }
}

/** What a batch changes outside of a transaction, where it does nothing else. */
export function settingOf(batch: Batch): Batch['setting'] {
  const { records, simple, requests, partial, continues } = batch
  const [record] = records
  if (record === undefined || records.length > 1 || partial || continues) return null
  if (simple === null && !requests.some(isExecute)) return null
  return settingChange(record) ?? preparedChange(record)
}

/** RESET ALL or DISCARD ALL, and nothing else. */
export function takesAllBack({ records }: Batch): boolean {
  const [record] = records
  return records.length === 1 && /^(?:reset|discard) all$/i.test(record?.shape ?? '')
}

function isExecute(request: Request): boolean {
  return request.kind === 'portal' && request.step === 'execute'
}
