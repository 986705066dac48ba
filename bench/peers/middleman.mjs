import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { chooseServerUser } from '@pgherd/cluster/postgres'
import pg from 'pg'

/**
 * A program that stands between callers and servers, run from a folder of its own in `parent`, on loopback,
 * until `stop`; as an ordinary user, unless it is our own, which that user may not be able to read.
 *
 * `configure({ dir, port, adminPort })` returns the files to write, both ports being free; `command({ dir })` the
 * arguments.
 */
export async function startMiddleman({ name, program, parent, target, configure, command, isOurs = false }) {
  const user = isOurs ? null : chooseServerUser()
  const own = (path) => user !== null && chownSync(path, user.uid, user.gid)
  const dir = mkdtempSync(join(parent, `${name.toLowerCase().replaceAll(/[^a-z]+/g, '-')}-`))
  own(dir)
  const [port, adminPort] = await findFreePorts(2)
  for (const [file, text] of Object.entries(configure({ dir, port, adminPort }))) {
    writeFileSync(join(dir, file), text, { mode: 0o600 })
    own(join(dir, file))
  }
  const log = openSync(join(dir, 'log'), 'a', 0o600)
  const child = spawn(program, command({ dir }), {
    cwd: dir,
    stdio: ['ignore', log, log],
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  })
  const gone = new Promise((resolve) => {
    child.once('error', resolve)
    child.once('exit', resolve)
  })
  let ended = false
  // Whatever ends this program, even while others are still being started.
  const killIt = () => child.kill('SIGKILL')
  process.once('exit', killIt)
  gone.then(() => {
    ended = true
    process.off('exit', killIt)
  })
  const url = Object.assign(new URL(target), { host: `127.0.0.1:${port}` }).href
  const stop = async () => {
    if (ended) return
    child.kill('SIGINT')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await gone
    clearTimeout(timer)
  }
  try {
    await whenItAnswers(url, () => ended)
  } catch (error) {
    await stop()
    const lastLines = readFileSync(join(dir, 'log'), 'utf8').trim().split('\n').slice(-3).join(' / ')
    throw new Error(`${name} did not come up (${error.message}): ${lastLines}`)
  }
  return { url, pid: child.pid, stop }
}

async function whenItAnswers(url, hasEnded) {
  const untilMs = performance.now() + 15_000
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('select 1')
      return
    } catch (error) {
      if (hasEnded()) throw new Error('it ended')
      if (performance.now() > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      client.end().catch(() => {})
    }
  }
}

/** Held all at once while they are looked for, so that they differ. */
async function findFreePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => server.address().port)
  for (const server of servers) server.close()
  return ports
}
