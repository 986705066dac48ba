import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NumberedLog } from '../../src/state/numbered-log.js'

interface Note {
  readonly id: number
  readonly text: string
}

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'numbered-'))
  path = join(folder, 'notes.ndjson')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function openLog(rotateBytes = 1_000_000): Promise<NumberedLog<Note>> {
  const log = new NumberedLog<Note>({ path, rotateBytes, lacking: { text: 'none' } })
  await log.open()
  return log
}

function fill(log: NumberedLog<Note>, count: number): void {
  for (let at = 0; at < count; at++) log.add({ text: at % 100 === 0 ? 'hundred' : 'other' })
}

const idsOf = (entries: readonly Note[]): number[] => entries.map(({ id }) => id)

describe('a numbered log', () => {
  test('pages back beyond what is in memory, and filters on the way', async () => {
    const log = await openLog()
    fill(log, 3500)
    expect(idsOf(await log.before(Number.POSITIVE_INFINITY, 3))).toEqual([3498, 3499, 3500])
    expect(idsOf(await log.before(101, 2))).toEqual([99, 100])
    const hundreds = await log.before(Number.POSITIVE_INFINITY, 50, ({ text }) => text === 'hundred')
    expect(idsOf(hundreds)).toEqual(Array.from({ length: 35 }, (_, at) => at * 100 + 1))
    expect(idsOf(await log.after(3498))).toEqual([3499, 3500])
    expect(await log.after(100)).toHaveLength(3400)
    expect(await log.before(5, 0)).toEqual([])
  })

  test('I10: goes on with its ids after it was opened anew, though its last line was cut off', async () => {
    const first = await openLog()
    fill(first, 1200)
    await first.flush()
    appendFileSync(path, '{"id":1201,"te')
    const again = await openLog()
    expect(again.lastId).toBe(1200)
    expect(idsOf(await again.before(3, 5))).toEqual([1, 2])
    expect(again.add({ text: 'next' }).id).toBe(1201)
    await again.flush()
    expect((await openLog()).recent(2)).toEqual([
      { id: 1200, text: 'other' },
      { id: 1201, text: 'next' },
    ])
  })

  test('keeps two files at most, for its owner alone, and misses nothing of them while one is set aside', async () => {
    const log = await openLog(10_000)
    fill(log, 5000)
    const all = idsOf(await log.before(Number.POSITIVE_INFINITY, 5000))
    const [oldest = 0] = all
    expect(oldest).toBeGreaterThan(1)
    expect(all).toEqual(all.map((_, at) => oldest + at))
    expect(all.at(-1)).toBe(5000)
    for (const file of [path, `${path}.1`]) {
      expect(statSync(file).size).toBeLessThan(10_100)
      expect(statSync(file).mode & 0o777).toBe(0o600)
    }
  })

  test('goes on where a file cannot be set aside, or was taken away by somebody', async () => {
    mkdirSync(join(`${path}.1`, 'not', 'empty'), { recursive: true })
    const log = await openLog(1000)
    fill(log, 100)
    await log.flush()
    expect(statSync(path).size).toBeGreaterThan(2000)
    rmSync(`${path}.1`, { recursive: true })
    rmSync(path)
    fill(log, 200)
    await log.flush()
    expect(statSync(path).size).toBeLessThan(1100)
    expect((await openLog()).lastId).toBe(300)
  })

  test('numbers lines that have no id, and fills in what they lack', async () => {
    writeFileSync(path, '{"text":"old"}\n{}\n')
    const log = await openLog()
    expect(await log.before(Number.POSITIVE_INFINITY, 5)).toEqual([
      { id: 1, text: 'old' },
      { id: 2, text: 'none' },
    ])
  })
})
