const waiting: (() => void)[] = []

/** Draws one chart per picture of the screen, so that many together do not make one picture late. */
export function drawSoon(draw: () => void): void {
  if (waiting.includes(draw)) return
  waiting.push(draw)
  if (waiting.length === 1) requestAnimationFrame(drawNext)
}

function drawNext(): void {
  waiting.shift()?.()
  if (waiting.length > 0) requestAnimationFrame(drawNext)
}
