import { setTimeout as sleep } from 'node:timers/promises'
import { pick, type Random } from '../data/random.js'
import {
  type CataloguePage,
  FIRST_PAGE,
  type PagePosition,
  ROWS_PER_PAGE,
  readCataloguePage,
} from './catalogue-page.js'
import type { ReadConnections } from './read-connections.js'

/** What readers count, over all of them. */
export interface ReadingCounts {
  pagesFromStandbys: number
  pagesFromPrimary: number
  /** Tries that failed and were made again on another node: the visitor only waited a little. */
  repeated: number
  /** Pages that no node gave in time: the visitor saw an error. */
  failed: number
}

export interface Reader {
  connections: ReadConnections
  categories: readonly string[]
  random: Random
  nextPauseMs: () => number
  counts: ReadingCounts
  signal: AbortSignal
}

/** How long a visitor waits for a page. */
const PATIENCE_MS = 5000
const ASK_AGAIN_MS = 20
const LEAF_ON_SHARE = 0.7

/** Leafs through the catalogue, category after category, until told to stop. */
export async function runReader(reader: Reader): Promise<void> {
  while (!reader.signal.aborted) await leafThrough(reader, pick(reader.random, reader.categories))
}

async function leafThrough(reader: Reader, category: string): Promise<void> {
  let position = FIRST_PAGE
  while (!reader.signal.aborted) {
    const page = await readSomewhere(reader, category, position)
    const last = page?.rows.at(-1)
    await sleep(reader.nextPauseMs())
    if (last === undefined || page?.rows.length !== ROWS_PER_PAGE) return
    if (reader.random() > LEAF_ON_SHARE) return
    position = last
  }
}

/** A read changes nothing, so it may always be made again elsewhere. Null when patience ends. */
async function readSomewhere(
  { connections, counts, signal }: Reader,
  category: string,
  position: PagePosition,
): Promise<CataloguePage | null> {
  const deadline = performance.now() + PATIENCE_MS
  while (performance.now() < deadline && !signal.aborted) {
    for (const node of await connections.candidates()) {
      try {
        const page = await readCataloguePage(await connections.open(node), category, position)
        if (page.fromStandby) counts.pagesFromStandbys++
        else counts.pagesFromPrimary++
        return page
      } catch {
        connections.discard(node)
        counts.repeated++
      }
    }
    await sleep(ASK_AGAIN_MS)
  }
  if (!signal.aborted) counts.failed++
  return null
}
