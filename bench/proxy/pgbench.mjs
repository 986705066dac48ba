import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '../peers/debian-program.mjs'
import { runProgram } from './run-program.mjs'

const PATIENCE_SECONDS = 60
const TRIES = 5

/** Fills pgbench's tables, on the server. */
export async function initialise(url, scale) {
  await pgbench(url, ['-i', '-q', '-I', 'dtGvp', '-s', String(scale)], 10 * PATIENCE_SECONDS)
}

/**
 * Runs pgbench for `seconds` after all its clients are connected; `connectSeconds` is what that takes, since
 * it counts as a part of its time; where it takes longer, all is tried again. `script` is one of pgbench's own;
 * `rate`, per second, is all that is asked; with `logIn`, a folder, how long each transaction took is kept in
 * `tookUs`: from the moment it was due.
 *
 * Throws when a client failed or a transaction did.
 */
export async function runPgbench(url, { connectSeconds, ...options }) {
  for (let tried = 1; ; tried++) {
    const figures = await runOnce(url, { ...options, connectSeconds: connectSeconds * tried })
    if (figures !== null) return figures
    if (tried === TRIES) throw new Error('all its time went by until its clients were connected')
  }
}

async function runOnce(
  url,
  { clients, seconds, script = 'select-only', protocol = 'simple', rate, logIn, connectSeconds },
) {
  const log = logIn === undefined ? null : mkdtempSync(join(logIn, 'log-'))
  try {
    const { output, cpuSeconds } = await pgbench(
      url,
      [
        ...['-n', '-b', script, '-M', protocol, '-c', String(clients), '-j', String(Math.min(2, clients))],
        ...['-T', String(Math.max(1, Math.round(seconds + connectSeconds)))],
        ...(rate === undefined ? [] : ['-R', String(rate)]),
        ...(log === null ? [] : ['-l', '--log-prefix', join(log, 'took')]),
      ],
      seconds + connectSeconds + PATIENCE_SECONDS,
    )
    const transactions = readFigure(output, /^number of transactions actually processed: (\d+)/m)
    if (transactions === 0) return null
    const failed = readFigure(output, /^number of failed transactions: (\d+)/m)
    if (failed > 0) throw new Error(`${failed} transactions failed`)
    return {
      tps: readFigure(output, /^tps = ([\d.]+) \(without initial connection time\)/m),
      transactions,
      connectSeconds: readFigure(output, /^initial connection time = ([\d.]+) ms/m) / 1000,
      cpuSeconds,
      tookUs: log === null ? null : readLog(log),
    }
  } finally {
    if (log !== null) rmSync(log, { recursive: true })
  }
}

function pgbench(url, args, patienceSeconds) {
  return runProgram(findProgram('pgbench', 'postgresql-contrib'), args, { url, patienceSeconds })
}

function readFigure(output, pattern) {
  const found = pattern.exec(output)
  if (found === null) throw new Error(`pgbench did not say ${pattern.source}`)
  return Number(found[1])
}

/** Its third column, of all its threads' files. */
function readLog(folder) {
  return readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'latin1').split('\n'))
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ', 3)[2]))
}
