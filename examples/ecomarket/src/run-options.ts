/** How long and how hard the marketplace is tried. */
export interface RunOptions {
  seconds: number
  /** How often the primary is killed in that time. */
  kills: number
  buyers: number
  readers: number
  seed: number
}

export const DEFAULT_OPTIONS: RunOptions = { seconds: 15, kills: 3, buyers: 8, readers: 4, seed: 42 }
