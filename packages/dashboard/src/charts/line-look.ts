/** How a line is drawn: a colour of the theme, and strokes that tell it apart where the colours come again. */
export interface LineLook {
  color: string
  dash: number[]
}

export const COLORS = 8
const DASHES: readonly number[][] = [[], [6, 3], [2, 2], [8, 3, 2, 3]]

/** A node looks the same in every chart; other lines look as their number says. */
export function lookOf(name: string, index: number, nodes: readonly string[]): LineLook {
  const at = nodes.indexOf(name)
  return lineLook(at === -1 ? index : at)
}

/** The look of the line of this number. */
export function lineLook(index: number): LineLook {
  return {
    color: `var(--line-${index % COLORS})`,
    dash: DASHES[Math.floor(index / COLORS) % DASHES.length] ?? [],
  }
}

/** A colour of the theme as the canvas needs it. */
export function resolveColor(color: string, element: Element): string {
  const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1]
  if (name === undefined) return color
  const probe = document.createElement('i')
  probe.style.color = color
  element.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  return resolved
}
