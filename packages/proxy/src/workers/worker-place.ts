import type { Administered } from '../admin/admin-desk.js'
import type { Doorkeeper } from '../admission.js'
import type { ClientIds } from '../client-roll.js'

/** What a proxy that is one of several workers has of whoever coordinates them. */
export interface WorkerPlace {
  readonly ids: ClientIds
  readonly doorkeeper: Doorkeeper
  /** All workers as one. */
  readonly administered: Administered
  readonly mockSecret: Buffer
  cancelElsewhere(processId: number, secretKey: Buffer): void
  /** A client here has changed what statements of this database are judged by. */
  catalogueChanged(database: string): void
}
