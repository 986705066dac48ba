// The client against its peers, all in one run: what each case measures is said in client/cases/.
import { mkdirSync, writeFileSync } from 'node:fs'
import { besideSlow } from './client/cases/beside-slow.mjs'
import { latency } from './client/cases/latency.mjs'
import { mix } from './client/cases/mix.mjs'
import { reads } from './client/cases/reads.mjs'
import { routing } from './client/cases/routing.mjs'
import { transactions } from './client/cases/transactions.mjs'
import { readOptions } from './client/options.mjs'
import { openServers } from './client/servers.mjs'
import { printHeading, printTable } from './client/table.mjs'
import { describeMachine } from './figures.mjs'
import { makeScratch } from './scratch.mjs'

// Those that only read first: a table that was written to is another table.
const CASES = { routing, reads, latency, 'beside-slow': besideSlow, transactions, mix }

const options = chooseOptions()
const scratch = makeScratch()
const tables = []
const running = { servers: null, middlemen: [] }
// Ctrl-C leaves no server behind; contestants end by themselves with this process.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    await stopAll().catch(() => {})
    process.exit(130)
  })
try {
  printHeading(options)
  let nodesRunning = 0
  for (const name of options.cases) {
    const { nodes, measure } = CASES[name]
    if (nodes !== 0 && nodes !== nodesRunning) {
      await running.servers?.stop()
      running.servers = null
      running.servers = await openServers(scratch, nodes)
      nodesRunning = nodes
    }
    for (const table of await measure({ ...options, servers: running.servers, withMiddlemen })) {
      printTable(table)
      tables.push({ case: name, ...table })
    }
  }
} finally {
  await stopAll()
}
keep(tables)
process.exitCode = tables.every(({ rows }) => rows.every(({ against }) => against?.met !== false)) ? 0 : 1

/** Starts middlemen for as long as `work` takes; one that cannot be had is given as `{ absent: why }`. */
async function withMiddlemen(starters, work) {
  const middlemen = {}
  try {
    for (const [key, start] of Object.entries(starters)) {
      try {
        middlemen[key] = await start({ dir: scratch.dir, ...running.servers })
        running.middlemen.push(middlemen[key])
      } catch (error) {
        middlemen[key] = { absent: error.message }
      }
    }
    return await work(middlemen)
  } finally {
    await stopMiddlemen()
  }
}

async function stopMiddlemen() {
  await Promise.all(running.middlemen.splice(0).map((middleman) => middleman.stop()))
}

async function stopAll() {
  await stopMiddlemen()
  await running.servers?.stop()
  scratch.remove()
}

function chooseOptions() {
  try {
    return readOptions(process.argv.slice(2), Object.keys(CASES))
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

function keep(measured) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  const { rounds, seconds } = options
  writeFileSync(
    new URL('results/client.json', import.meta.url),
    `${JSON.stringify({ name: 'client', machine: describeMachine(), rounds, seconds, tables: measured }, null, 2)}\n`,
  )
}
