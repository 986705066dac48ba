import type { Sample } from '@pgherd/core/api'

/** Puts a value where it belongs: a line's name, and the value or nothing. */
export type Pick = (sample: Sample, put: (line: string, value: number | null) => void) => void

export interface ChartData {
  /** Seconds since 1970. */
  times: number[]
  lines: { name: string; values: (number | null)[] }[]
}

/**
 * Samples as lines, neighbours put together until a screen can show them. `gather`: what stands for several,
 * the largest (a spike must not vanish) or their mean.
 */
export function chartData(
  samples: readonly Sample[],
  pick: Pick,
  gather: 'largest' | 'mean',
  maxPoints: number,
): ChartData {
  const size = Math.max(1, Math.ceil(samples.length / maxPoints))
  const count = Math.ceil(samples.length / size)
  const times = Array.from({ length: count }, (_, index) => (samples[index * size]?.at ?? 0) / 1000)
  const lines = new Map<string, Gathered>()
  samples.forEach((sample, index) => {
    const at = Math.floor(index / size)
    pick(sample, (name, value) => {
      const line = lines.get(name) ?? new Gathered(count)
      lines.set(name, line)
      if (value !== null) line.add(at, value, gather)
    })
  })
  return { times, lines: [...lines].map(([name, line]) => ({ name, values: line.result(gather) })) }
}

/** The lines of nodes in the order of the nodes, whichever was heard of first; other lines stay as they are. */
export function inOrder({ times, lines }: ChartData, nodes: readonly string[]): ChartData {
  return { times, lines: lines.toSorted((one, other) => nodes.indexOf(one.name) - nodes.indexOf(other.name)) }
}

/** The values of one line on their way to its points. */
class Gathered {
  readonly #values: (number | null)[]
  readonly #counts: number[]

  constructor(count: number) {
    this.#values = new Array<number | null>(count).fill(null)
    this.#counts = new Array<number>(count).fill(0)
  }

  add(at: number, value: number, gather: 'largest' | 'mean'): void {
    const before = this.#values[at] ?? null
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    if (before === null) this.#values[at] = value
    else this.#values[at] = gather === 'mean' ? before + value : Math.max(before, value)
  }

  result(gather: 'largest' | 'mean'): (number | null)[] {
    if (gather === 'largest') return this.#values
    return this.#values.map((value, at) => (value === null ? null : value / (this.#counts[at] ?? 1)))
  }
}
