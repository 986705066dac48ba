export {
  type Balance,
  type ChangeOutcome,
  type ComparisonInput,
  comparePlacements,
  type PlacementComparison,
  type ShardChange,
} from './compare-placements.js'
export {
  addToRing,
  consistentHashMap,
  DEFAULT_VIRTUAL_NODES,
  type RingOptions,
  removeFromRing,
} from './consistent-hash.js'
export {
  type ColumnChoice,
  type CopyBlock,
  CopyError,
  type CopyFormat,
  type CopyKeyColumn,
  CopySplitter,
  type PlacedKey,
  type SplitCopy,
} from './copy/index.js'
export { describeDrift } from './describe-drift.js'
export {
  type ContentsVersion,
  type Drift,
  findDrift,
  type MisplacedRows,
  type ObservedGroup,
  type ObservedHerd,
  type PartKind,
  type SchemaPart,
  type TableContents,
  type Version,
} from './find-drift.js'
export { firstShardMap, type PlacementPlan } from './first-map.js'
export { fromBigInt, type Halves, toBigInt } from './halves.js'
export { hashKey, hashOf, PLACEMENT_SEED } from './hash-key.js'
export { hashRow } from './hash-row.js'
export { KeyReader } from './key-reader.js'
export { familyOf, KEY_FAMILIES, KEY_TYPES, type KeyFamily, type KeyType, type KeyValue } from './key-type.js'
export { comparePositions, type Line, lowestPosition, type Position } from './line.js'
export { locateHash, locateKey, locateRead, locateRow, locateWireKey, positionOf } from './locate-key.js'
export { moduloMap } from './modulo.js'
export { type Move, moveStretch, moveStretches, withoutShard, withShard } from './move-stretch.js'
export { type Moved, movedStretches } from './moved-stretches.js'
export { type PackedShardMap, packShardMap, type ShardMapHead, unpackShardMap } from './packed-shard-map.js'
export {
  type PlacedGroup,
  type PlacedTable,
  type Placement,
  type PlacementRow,
  readPlacement,
  samePlacement,
} from './placement.js'
export { type Proposal, type ProposalLimits, type ProposedMove, proposeMoves } from './propose-moves.js'
export { proposeSplits } from './propose-splits.js'
export { rangeMap } from './range.js'
export {
  type MapParts,
  makeShardMap,
  type ShardMap,
  type Stretch,
  startOf,
  stretchesOf,
} from './shard-map.js'
export { type ShardMapJson, shardMapFromJson, shardMapToJson } from './shard-map-json.js'
export { sharesOf } from './shares.js'
export { STRATEGIES, type Strategy } from './strategy.js'
