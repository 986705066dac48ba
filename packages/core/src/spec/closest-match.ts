/**
 * The candidate a person most likely meant, or undefined when none is near enough: at most one slip
 * of the keyboard for every three letters, capitals not counted.
 */
export function closestMatch(written: string, candidates: readonly string[]): string | undefined {
  if (written.length > 64) return undefined
  const allowed = Math.max(1, Math.floor(written.length / 3))
  const ranked = candidates
    .map((candidate) => ({ candidate, slips: editDistance(written.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.slips - b.slips)
  const best = ranked[0]
  return best !== undefined && best.slips <= allowed ? best.candidate : undefined
}

/** Damerau-Levenshtein, optimal string alignment: insert, delete, replace, or swap two neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? at(beforeLast, j - 2) + 1 : Infinity
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replace, swap))
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity
}
