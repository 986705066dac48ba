import type { HerdStatus } from '@pgherd/core'

/** What the dashboard asks of its herd. */
export interface HerdView {
  /** Every node with its role and lag, as the supervisor knows it. Throws HERD_NOT_RUNNING. */
  topology(): Promise<HerdStatus>
  /** How to reach one node directly. */
  dsnOf(node: string): Promise<string>
}
