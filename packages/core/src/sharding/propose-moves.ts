import { HerdError } from '../errors.js'
import { comparePositions, type Position } from './line.js'
import type { Move } from './move-stretch.js'
import { type ShardMap, stretchesOf } from './shard-map.js'

export interface ProposedMove extends Move {
  /** Who owns it now. */
  readonly source: string
  /** How many of the samples move with it. */
  readonly samples: number
}

export interface Proposal {
  readonly moves: readonly ProposedMove[]
  /** Samples by shard, in the order of `map.shards`. */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

export interface ProposalLimits {
  /** A shard is overloaded when it holds more than this many times the mean. */
  readonly loadLimit?: number
  /** Shards that are to be emptied. */
  readonly leaving?: readonly string[]
}

/** A part of the line with the samples from `first` up to and without `last`. */
interface Piece {
  from: Position
  to: Position | null
  owner: string
  first: number
  last: number
}

/** The samples of a piece from `at` on (`back`), or those before (`front`), and who gets them. */
interface Cut {
  readonly piece: Piece
  readonly receiver: string
  readonly end: 'front' | 'back'
  readonly at: number
}

/**
 * Proposes moves after which no shard holds more of the samples than `loadLimit` times the mean (1.1),
 * and those that leave hold nothing. Samples are positions of keys, drawn as rows or as statements
 * fall. A key that is too hot by itself stays where it is, since a position has one owner.
 *
 * Each overloaded shard, the fullest first, gives what it has above the mean: to a shard whose stretch
 * adjoins and has room, so that stretches stay few, else to the emptiest.
 *
 * Throws `SHARD_MAP_INVALID` if nobody stays.
 */
export function proposeMoves(
  map: ShardMap,
  samples: readonly Position[],
  { loadLimit = 1.1, leaving = [] }: ProposalLimits = {},
): Proposal {
  if (map.shards.every((shard) => leaving.includes(shard)))
    throw new HerdError('SHARD_MAP_INVALID', 'At least one shard must stay.')
  const board = new Board(map, [...samples].sort(comparePositions), new Set(leaving))
  const before = board.loads()
  for (let donor = board.mostOverloaded(loadLimit); donor !== null; donor = board.mostOverloaded(loadLimit))
    board.relieve(donor)
  board.emptyLeaving()
  return { moves: board.moves, before, after: board.loads() }
}

/** The state of a proposal while it is made. */
class Board {
  readonly moves: ProposedMove[] = []
  readonly #map: ShardMap
  readonly #samples: readonly Position[]
  readonly #leaving: ReadonlySet<string>
  readonly #loads: Map<string, number>
  readonly #mean: number
  /** Shards that can give no more, because what is left is a single key. */
  readonly #stuck = new Set<string>()
  #pieces: Piece[]

  constructor(map: ShardMap, samples: readonly Position[], leaving: ReadonlySet<string>) {
    this.#map = map
    this.#samples = samples
    this.#leaving = leaving
    this.#pieces = cutIntoPieces(map, samples)
    this.#loads = new Map(map.shards.map((shard) => [shard, 0]))
    for (const { owner, first, last } of this.#pieces) this.#add(owner, last - first)
    this.#mean = samples.length / (map.shards.length - leaving.size)
  }

  loads(): number[] {
    return this.#map.shards.map((shard) => this.#loads.get(shard) as number)
  }

  mostOverloaded(loadLimit: number): string | null {
    const overloaded = this.#map.shards.filter(
      (shard) =>
        !this.#stuck.has(shard) &&
        this.#surplus(shard) >= 1 &&
        this.#load(shard) > this.#target(shard) * loadLimit,
    )
    overloaded.sort((a, b) => this.#surplus(b) - this.#surplus(a))
    return overloaded[0] ?? null
  }

  /** Moves one piece of a shard's surplus; a shard that can give nothing more is not asked again. */
  relieve(donor: string): void {
    const cut = this.#besideReceiver(donor) ?? this.#toEmptiest(donor) ?? this.#lastKeyOfLeaving(donor)
    if (cut === null) this.#stuck.add(donor)
    else this.#move(this.#comeOff(cut), cut.receiver)
  }

  /** What nobody sampled goes to a neighbour. */
  emptyLeaving(): void {
    let heir = this.#pieces.find(({ owner }) => !this.#leaving.has(owner))?.owner ?? this.#emptiest()
    for (const piece of this.#pieces) {
      if (this.#leaving.has(piece.owner)) this.#move(piece, heir)
      else heir = piece.owner
    }
  }

  #load(shard: string): number {
    return this.#loads.get(shard) as number
  }

  #target(shard: string): number {
    return this.#leaving.has(shard) ? 0 : this.#mean
  }

  #surplus(shard: string): number {
    return Math.floor(this.#load(shard) - this.#target(shard))
  }

  #hasRoom(shard: string | undefined): shard is string {
    return shard !== undefined && !this.#leaving.has(shard) && this.#load(shard) + 1 <= Math.ceil(this.#mean)
  }

  #besideReceiver(donor: string): Cut | null {
    for (const [index, piece] of this.#pieces.entries()) {
      if (piece.owner !== donor) continue
      const [before, after] = [this.#pieces[index - 1]?.owner, this.#pieces[index + 1]?.owner]
      const cut =
        (this.#hasRoom(after) ? this.#cut(piece, after, 'back') : null) ??
        (this.#hasRoom(before) ? this.#cut(piece, before, 'front') : null)
      if (cut !== null) return cut
    }
    return null
  }

  #toEmptiest(donor: string): Cut | null {
    const receiver = this.#emptiest()
    if (!this.#hasRoom(receiver)) return null
    const pieces = this.#pieces.filter(({ owner }) => owner === donor)
    pieces.sort((a, b) => b.last - b.first - (a.last - a.first))
    for (const piece of pieces) {
      const cut = this.#cut(piece, receiver, 'back') ?? this.#cut(piece, receiver, 'front')
      if (cut !== null) return cut
    }
    return null
  }

  /** A shard that leaves also gives what nobody has room for. */
  #lastKeyOfLeaving(donor: string): Cut | null {
    const piece = this.#pieces.find(({ owner, first, last }) => owner === donor && last > first)
    if (!this.#leaving.has(donor) || piece === undefined) return null
    let at = piece.last - 1
    while (at > piece.first && this.#samples[at - 1] === this.#samples[at]) at--
    return { piece, receiver: this.#emptiest(), end: 'back', at }
  }

  #emptiest(): string {
    const staying = this.#map.shards.filter((shard) => !this.#leaving.has(shard))
    return staying.reduce((least, shard) => (this.#load(shard) < this.#load(least) ? shard : least))
  }

  /** Where to cut a piece so that the surplus, or what there is room for, comes off; null: nowhere. */
  #cut(piece: Piece, receiver: string, end: 'front' | 'back'): Cut | null {
    const room = Math.ceil(this.#mean) - this.#load(receiver)
    const wanted = Math.min(this.#surplus(piece.owner), room, piece.last - piece.first)
    // Samples of one key stay together: fewer come off rather than more.
    const step = end === 'back' ? 1 : -1
    let at = end === 'back' ? piece.last - wanted : piece.first + wanted
    while (at > piece.first && at < piece.last && this.#samples[at - 1] === this.#samples[at]) at += step
    const left = end === 'back' ? piece.last - at : at - piece.first
    return left < 1 ? null : { piece, receiver, end, at }
  }

  /** The part of a piece that is cut off, or all of it. */
  #comeOff({ piece, end, at }: Cut): Piece {
    if (at === (end === 'back' ? piece.first : piece.last)) return piece
    const position = this.#samples[at] as Position
    const back = { ...piece, from: position, first: at }
    this.#pieces.splice(this.#pieces.indexOf(piece) + 1, 0, back)
    piece.to = position
    piece.last = at
    return end === 'back' ? back : piece
  }

  #move(piece: Piece, receiver: string): void {
    const { from, to, owner: source, first, last } = piece
    this.#add(source, first - last)
    this.#add(receiver, last - first)
    this.moves.push({ from, to, owner: receiver, source, samples: last - first })
    piece.owner = receiver
  }

  #add(shard: string, samples: number): void {
    this.#loads.set(shard, this.#load(shard) + samples)
  }
}

function cutIntoPieces(map: ShardMap, samples: readonly Position[]): Piece[] {
  const stretches = stretchesOf(map)
  let first = 0
  return stretches.map(({ from, owner }, index) => {
    const to = stretches[index + 1]?.from ?? null
    let last = first
    while (last < samples.length && (to === null || comparePositions(samples[last] as Position, to) < 0))
      last++
    const piece = { from, to, owner, first, last }
    first = last
    return piece
  })
}
