import { expect, test } from 'vitest'
import type { Herd } from '../../src/index.js'
import { compareAnswers, oracleHerd } from './oracle-herd.js'

const QUERIES = Number(process.env.PGHERD_QUERIES ?? 1600)

test('every query has the rows in the federation that it has in one database', {
  timeout: 180_000,
}, async () => {
  const herd: Herd = await oracleHerd()
  await compareAnswers(herd, QUERIES)
  expect(herd.isWhole()).toBe(true)
})
