/** How long and how hard the marketplace is tried. */
export interface RunOptions {
  seconds: number
  /** How often the primary is killed in that time. */
  kills: number
  buyers: number
  visitors: number
  seed: number
}

export const DEFAULT_OPTIONS: RunOptions = { seconds: 15, kills: 3, buyers: 8, visitors: 4, seed: 42 }
