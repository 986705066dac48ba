import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '../../peers/debian-program.mjs'
import { runSql, settle } from '../../servers.mjs'
import { compete, DIRECT, tableOf } from '../field.mjs'
import { runProgram } from '../run-program.mjs'

const PATIENCE_SECONDS = 600
/** Of one of pgbench's accounts as COPY writes it. */
const ROW_BYTES = 97
const OUT = 'copy copied to stdout'
const IN = 'copy copied_in from stdin'

/**
 * COPY by psql, rows like pgbench's accounts. What is copied in goes to a table that is not logged, so that the
 * path is seen and not the disk.
 */
export const copying = {
  nodes: 3,
  async *measure(given) {
    const { servers, scratch, 'copy-mb': megabytes } = given
    const rows = Math.round((megabytes * 1e6) / ROW_BYTES)
    const file = join(scratch.dir, 'copied')
    await fill(servers, rows)
    await copy(servers.primary, OUT, { to: file })
    for (const { direction, tidy, play } of [
      {
        direction: 'out',
        tidy: () => {},
        play: (url) => copy(url, OUT, { to: '/dev/null' }),
      },
      {
        direction: 'in',
        tidy: async () => {
          await runSql(servers.primary, 'truncate copied_in')
          await settle(servers)
        },
        play: async (url) => {
          const { output, ...figures } = await copy(url, IN, { from: file })
          if (output.trim() !== `COPY ${rows}`) throw new Error(`${rows} rows were sent: ${output.trim()}`)
          return figures
        },
      },
    ]) {
      const outcomes = await compete(given, { clients: 4, tidy }, async (url) => {
        const beganMs = performance.now()
        const figures = await play(url)
        const seconds = (performance.now() - beganMs) / 1000
        return { ...figures, units: megabytes, perSecond: megabytes / seconds }
      })
      yield tableOf(outcomes, {
        title: `COPY ${direction}, ${megabytes} MB`,
        unit: 'MB/s',
        figure: 'perSecond',
        limits: { [DIRECT]: { atLeast: 0.8 } },
        per: 'MB',
      })
    }
    await runSql(servers.primary, 'drop table copied, copied_in')
  },
}

async function fill(servers, rows) {
  await runSql(
    servers.primary,
    `create table copied (like pgbench_accounts);
     create unlogged table copied_in (like pgbench_accounts);
     insert into copied select aid, 1 + aid % 16, 0, '' from generate_series(1, ${rows}) as aid`,
  )
  await runSql(servers.primary, 'vacuum (freeze, analyze) copied')
  await settle(servers)
}

async function copy(url, statement, { from = null, to = null }) {
  const stdin = from === null ? 'ignore' : openSync(from, 'r')
  const stdout = to === null ? 'pipe' : openSync(to, 'w', 0o600)
  try {
    const { output, cpuSeconds } = await runProgram(
      findProgram('psql', 'postgresql-client'),
      ['-X', '-v', 'ON_ERROR_STOP=1', '-c', statement],
      { url, patienceSeconds: PATIENCE_SECONDS, stdin, stdout },
    )
    return { output, cpuSeconds }
  } finally {
    for (const opened of [stdin, stdout]) if (typeof opened === 'number') closeSync(opened)
  }
}
