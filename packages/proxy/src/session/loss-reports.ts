import type { ServerReport } from '../protocol/server-messages.js'

// What a client is told when its server connection ended.

export const FAILED_TRANSACTION: ServerReport = {
  severity: 'ERROR',
  code: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
}

export function transactionLost(error: Error): ServerReport {
  return {
    severity: 'ERROR',
    code: '08006',
    message: `The transaction was rolled back: the connection to its server was lost (${error.message}).`,
    hint: 'Run it again.',
  }
}

export function unknownOutcome(error: Error): ServerReport {
  return {
    severity: 'ERROR',
    code: '08007',
    message: `The connection to the server was lost while this was under way (${error.message}); it may or may not have taken effect.`,
    hint: 'Look whether it did before you send it again.',
  }
}

/** `isUnknown`: what was under way may have taken effect. */
export function stateLost(error: Error, isUnknown: boolean): ServerReport {
  const lost = `The connection to the server was lost, and the state of this session with it: ${error.message}`
  return isUnknown
    ? {
        severity: 'FATAL',
        code: '08007',
        message: `${lost}; what was under way may or may not have taken effect`,
        hint: 'Look whether it did before you send it again.',
      }
    : { severity: 'FATAL', code: '08006', message: lost }
}
