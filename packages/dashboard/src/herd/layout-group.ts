import { type GroupStatus, type NodeStatus, primaryOf } from '../store/topology.js'

export interface Place {
  x: number
  y: number
  width: number
  height: number
}

/** WAL on its way from the primary to a standby. */
export interface Arrow {
  node: NodeStatus
  path: string
  /** Where it points to, rightwards. */
  end: { x: number; y: number }
  /** Where the lag is written: the left end of the text's base line. */
  label: { x: number; y: number }
}

/** Where everything of a group's picture stands, in pixels. */
export interface GroupLayout {
  width: number
  height: number
  nodes: { node: NodeStatus; place: Place }[]
  /** Where the primary would be, while there is none. */
  vacant: Place | null
  arrows: Arrow[]
}

/** Below it nodes stand under each other. */
const NARROW_PX = 560
const NODE_HEIGHT = 60
/** Where there are many, each takes one line. */
const MANY = 6
export const LINE_HEIGHT = 38

/**
 * The primary on the left (or at the top of a narrow picture) and its standbys beside it in the order of the
 * spec, so that a node moves only when its role changes.
 */
export function layoutGroup(group: GroupStatus, width: number): GroupLayout {
  return width < NARROW_PX ? layoutNarrow(group, width) : layoutWide(group, width)
}

function layoutWide(group: GroupStatus, width: number): GroupLayout {
  const { primary, others } = split(group)
  const nodeWidth = Math.min(280, Math.floor(width * 0.36))
  const [height, gap] = others.length > MANY ? [LINE_HEIGHT, 8] : [NODE_HEIGHT, 16]
  const total = Math.max(NODE_HEIGHT, others.length * (height + gap) - gap)
  // Beside a long column it stands at the top, where it is seen first.
  const y = others.length > MANY ? 0 : (total - NODE_HEIGHT) / 2
  const first: Place = { x: 0, y, width: nodeWidth, height: NODE_HEIGHT }
  const left = width - nodeWidth
  const offset = (total - (others.length * (height + gap) - gap)) / 2
  const placed = others.map((node, index) => ({
    node,
    place: { x: left, y: offset + index * (height + gap), width: nodeWidth, height },
  }))
  const arrows = placed.map(({ node, place }) => {
    const [fromX, fromY] = [nodeWidth, first.y + NODE_HEIGHT / 2]
    const [toX, toY] = [place.x, place.y + place.height / 2]
    const bend = nodeWidth + Math.min(90, (left - nodeWidth) * 0.4)
    const middle = (nodeWidth + bend) / 2
    const path = `M${fromX} ${fromY} C${middle} ${fromY} ${middle} ${toY} ${bend} ${toY} H${toX - 2}`
    return { node, path, end: { x: toX - 2, y: toY }, label: { x: bend + 6, y: toY - 6 } }
  })
  return { width, height: total, ...peopleOf(primary, first, placed), arrows: flowing(primary, arrows) }
}

function layoutNarrow(group: GroupStatus, width: number): GroupLayout {
  const { primary, others } = split(group)
  const indent = 30
  const gap = 26
  const first: Place = { x: 0, y: 0, width, height: NODE_HEIGHT }
  const placed = others.map((node, index) => ({
    node,
    place: {
      x: indent,
      y: (index + 1) * (NODE_HEIGHT + gap),
      width: width - indent,
      height: NODE_HEIGHT,
    },
  }))
  const arrows = placed.map(({ node, place }) => {
    const end = { x: indent - 2, y: place.y + NODE_HEIGHT / 2 }
    const path = `M12 ${NODE_HEIGHT} V${end.y} H${end.x}`
    return { node, path, end, label: { x: indent + 2, y: place.y - 8 } }
  })
  const height = NODE_HEIGHT + others.length * (NODE_HEIGHT + gap)
  return { width, height, ...peopleOf(primary, first, placed), arrows: flowing(primary, arrows) }
}

function split(group: GroupStatus): { primary: NodeStatus | null; others: NodeStatus[] } {
  const primary = primaryOf(group)
  return { primary, others: group.nodes.filter((node) => node !== primary) }
}

function peopleOf(primary: NodeStatus | null, first: Place, placed: GroupLayout['nodes']) {
  const nodes = primary === null ? placed : [{ node: primary, place: first }, ...placed]
  return { nodes, vacant: primary === null ? first : null }
}

/** Only what follows a primary that runs, or is being copied from it, has an arrow. */
function flowing(primary: NodeStatus | null, arrows: Arrow[]): Arrow[] {
  if (primary === null) return []
  return arrows.filter(
    ({ node }) => node.state === 'copying' || (node.role === 'standby' && node.state !== 'stopped'),
  )
}
