import { mkdirSync, writeFileSync } from 'node:fs'
import { describeMachine } from './figures.mjs'
import { makeScratch } from './scratch.mjs'
import { printHeading, printTable } from './table.mjs'

/**
 * Runs the cases that were asked for, one after the other, prints their tables and keeps them. A case says how
 * many `nodes` its servers are (0: none) and has `measure`, which resolves to tables or yields them as they
 * come. `openServers` makes the servers, which go on while the next case needs as many. The exit code says
 * whether all limits were met.
 */
export async function conduct({ name, cases, options, openServers }) {
  const scratch = makeScratch()
  const tables = []
  const running = { servers: null, middlemen: [] }
  const stopMiddlemen = async () => {
    await Promise.all(running.middlemen.splice(0).map((middleman) => middleman.stop()))
  }
  let stopping = null
  let isInterrupted = false
  const stopAll = () => {
    stopping ??= stopMiddlemen()
      .then(() => running.servers?.stop())
      .then(() => scratch.remove())
    return stopping
  }
  /** What was cut off is no result: this process ends when all is stopped. */
  const unlessInterrupted = () => (isInterrupted ? new Promise(() => {}) : undefined)
  /** Starts middlemen for as long as `work` takes; one that cannot be had is given as `{ absent: why }`. */
  const withMiddlemen = async (starters, work) => {
    const middlemen = {}
    try {
      for (const [key, start] of Object.entries(starters)) {
        await unlessInterrupted()
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
  // Ctrl-C leaves no server behind; contestants end by themselves with this process.
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, async () => {
      isInterrupted = true
      await stopAll().catch(() => {})
      process.exit(130)
    })
  try {
    printHeading(name, options)
    let nodesRunning = 0
    for (const each of options.cases) {
      const { nodes, measure } = cases[each]
      if (nodes !== 0 && nodes !== nodesRunning) {
        await running.servers?.stop()
        running.servers = null
        running.servers = await openServers(scratch, nodes)
        nodesRunning = nodes
      }
      const given = { ...options, scratch, servers: running.servers, withMiddlemen }
      for await (const table of await measure(given)) {
        await unlessInterrupted()
        printTable(table)
        tables.push({ case: each, ...table })
      }
    }
  } finally {
    await unlessInterrupted()
    await stopAll()
  }
  keep(name, options, tables)
  process.exitCode = tables.every(({ rows }) => rows.every(({ against }) => against?.met !== false)) ? 0 : 1
}

function keep(name, { cases: _, ...options }, tables) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  writeFileSync(
    new URL(`results/${name}.json`, import.meta.url),
    `${JSON.stringify({ name, machine: describeMachine(), ...options, tables }, null, 2)}\n`,
  )
}
