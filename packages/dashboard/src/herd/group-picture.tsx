import { useWords } from '../i18n/use-words.js'
import type { GroupStatus, NodeStatus } from '../store/topology.js'
import { type Arrow, layoutGroup, type Place } from './layout-group.js'
import { NodeButton } from './node-button.js'
import { useWidth } from './use-width.js'

/** A group as it is: its primary, its standbys, and what flows from one to the others. */
export function GroupPicture({ group, selected }: { group: GroupStatus; selected: string | null }) {
  const { t } = useWords()
  const [element, width] = useWidth()
  const layout = layoutGroup(group, width)
  return (
    <div className="picture" ref={element}>
      {width > 0 && (
        <div className="picture-ground" style={{ height: layout.height }}>
          <svg width={layout.width} height={layout.height} aria-hidden="true">
            {layout.arrows.map((arrow) => (
              <ArrowPicture key={`${arrow.node.name} ${group.epoch}`} arrow={arrow} group={group.name} />
            ))}
          </svg>
          {layout.vacant !== null && (
            <div className="vacant" style={styleOf(layout.vacant)}>
              {t('herd.nobody')}
            </div>
          )}
          {inStableOrder(layout.nodes).map(({ node, place }) => (
            <NodeButton
              key={node.name}
              node={node}
              style={styleOf(place)}
              isSelected={node.name === selected}
            />
          ))}
        </div>
      )}
    </div>
  )
}

/** Elements that change places in the document would not glide from one place to the other. */
function inStableOrder(nodes: { node: NodeStatus; place: Place }[]) {
  return [...nodes].sort((a, b) => a.node.name.localeCompare(b.node.name, 'en', { numeric: true }))
}

function styleOf({ x, y, width, height }: Place) {
  return { transform: `translate(${x}px, ${y}px)`, width, height }
}

function ArrowPicture({ arrow, group }: { arrow: Arrow; group: string }) {
  const { t, bytes, duration } = useWords()
  const { node, path, end, label } = arrow
  const lag = [
    node.state === 'copying' ? t('state.copying') : null,
    node.lagBytes === null ? null : bytes(node.lagBytes),
    node.lagMs === null ? null : duration(node.lagMs),
  ].filter((each) => each !== null)
  return (
    <g className={`arrow arrow-${node.state}`} data-arrow={`${group} ${node.name}`}>
      <path d={path} />
      <path
        className="arrow-head"
        d={`M${end.x - 6} ${end.y - 4} L${end.x} ${end.y} L${end.x - 6} ${end.y + 4}`}
      />
      <text x={label.x} y={label.y}>
        {lag.join(' · ')}
      </text>
    </g>
  )
}
