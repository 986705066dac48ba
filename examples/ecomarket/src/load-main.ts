#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findHerd } from './herd/find-herd.js'
import { isKept, type LoadReport } from './load/load-report.js'
import { writeMarkdown } from './load/report/write-markdown.js'
import { writePage } from './load/report/write-page.js'
import { runLoad } from './load/run-load.js'
import { openPool } from './open-pool.js'
import { readFlags, readWholeNumber } from './read-flags.js'
import { runProgram, tell } from './run-program.js'
import { loadUsersHerd } from './users/load-users-herd.js'

const HELP = `Puts a herd of four shards under load, kills a primary meanwhile, and writes a report.

  npm run load -w examples/ecomarket -- [options]

  --seconds N  how long the parts take together (60)
  --callers N  how many do something at the same time (16)
  --out DIR    where report.md, report.json and report.html go (load-report beside herd.yaml)
  --state DIR  where the herd is, instead of .pgherd beside users.yaml
  --help, -h   show this

The herd is the one that "pgherd up users.yaml" made. It gets users for the time of the load, which are taken away at
the end. Where none runs, one is started in a temporary folder, and removed at the end.

Exit code: 0 nothing acknowledged was lost, 1 something was or something failed, 2 used wrongly.
`

const OUT = fileURLToPath(new URL('../load-report', import.meta.url))

async function load(signal: AbortSignal): Promise<number> {
  const flags = readFlags(process.argv.slice(2), ['seconds', 'callers', 'out', 'state'])
  if (flags.help) {
    process.stdout.write(HELP)
    return 0
  }
  const seconds = readWholeNumber('seconds', flags.seconds, { fallback: 60, low: 10, high: 3600 })
  const callers = readWholeNumber('callers', flags.callers, { fallback: 16, low: 1, high: 256 })
  const folder = resolve(flags.out ?? OUT)
  const herd = await findHerd({ stateDir: flags.state ?? null, data: 'temporary', tell })
  try {
    await using pool = openPool(herd.dsn)
    await loadUsersHerd(pool)
    signal.throwIfAborted()
    const report = await runLoad(herd, pool, { seconds, callers, signal, tell })
    await writeReport(folder, report)
    process.stdout.write(`\n${writeMarkdown(report)}`)
    return isKept(report) ? 0 : 1
  } finally {
    await herd.close()
  }
}

async function writeReport(folder: string, report: LoadReport): Promise<void> {
  await mkdir(folder, { recursive: true })
  const files = {
    'report.md': writeMarkdown(report),
    'report.json': `${JSON.stringify(report, null, 2)}\n`,
    'report.html': writePage(report),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  tell(`the report is in ${relative(process.cwd(), folder) || '.'}: ${Object.keys(files).join(', ')}`)
}

await runProgram(load)
