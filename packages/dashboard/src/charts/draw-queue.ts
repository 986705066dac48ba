const waiting = new Map<string, () => void>()

/**
 * Draws one chart per picture of the screen, so that many together do not make one picture late. `name`: whose it
 * is; what it wanted to draw before and has not yet is left out.
 */
export function drawSoon(name: string, draw: () => void): void {
  if (waiting.size === 0) requestAnimationFrame(drawNext)
  waiting.set(name, draw)
}

function drawNext(): void {
  const [first] = waiting
  if (first === undefined) return
  const [name, draw] = first
  draw()
  waiting.delete(name)
  if (waiting.size > 0) requestAnimationFrame(drawNext)
}
