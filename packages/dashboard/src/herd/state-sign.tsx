import type { ReactNode } from 'react'
import type { NodeStatus } from '../store/topology.js'

/** The state of a node as a shape; the word stands beside it. */
export function StateSign({ state }: { state: NodeStatus['state'] }) {
  return (
    <svg className={`sign sign-${state}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {SHAPES[state]}
    </svg>
  )
}

const SHAPES: Record<NodeStatus['state'], ReactNode> = {
  running: <circle cx="6" cy="6" r="4.5" className="filled" />,
  starting: <path d="M6 1.5a4.5 4.5 0 1 1-4.5 4.5" />,
  copying: <path d="M6 1v7M3 5.5 6 8.5l3-3M2 11h8" />,
  hung: <path d="M6 1.2 11 10.5H1zM6 5v2.5" />,
  paused: <path d="M4 2v8M8 2v8" />,
  stopped: <rect x="2" y="2" width="8" height="8" />,
  absent: <circle cx="6" cy="6" r="4.5" strokeDasharray="2 2" />,
}
