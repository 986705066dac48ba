import { randomUUID } from 'node:crypto'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CartChange } from '../src/carts/cart.js'
import { PromiseFile } from '../src/carts/promise-file.js'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ecomarket-promises-'))
  path = join(folder, 'promises')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

const CHANGES = Array.from(
  { length: 20 },
  (_, at): CartChange => ({ key: randomUUID(), userId: 1, productId: at, quantity: 1 }),
)

async function left(): Promise<readonly CartChange[]> {
  await using file = await PromiseFile.open(path)
  return file.left
}

test('what was promised is read again by the next process, in the order of the promises', async () => {
  {
    await using file = await PromiseFile.open(path)
    expect(file.left).toEqual([])
    await Promise.all(CHANGES.map((change) => file.add(change)))
  }
  expect(await left()).toEqual(CHANGES)
})

test('a line that a crash cut short was never promised, and spoils none that follow', async () => {
  const [first, second] = CHANGES as [CartChange, CartChange]
  {
    await using file = await PromiseFile.open(path)
    await file.add(first)
  }
  await appendFile(path, '{"key":"…')
  {
    await using file = await PromiseFile.open(path)
    expect(file.left).toEqual([first])
    await file.add(second)
  }
  expect(await left()).toEqual([first, second])
})

test('when all is saved nothing is left', async () => {
  {
    await using file = await PromiseFile.open(path)
    await file.add(CHANGES[0] as CartChange)
    await file.clear()
  }
  expect(await readFile(path, 'utf8')).toBe('')
})
