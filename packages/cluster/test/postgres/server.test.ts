import { spawn } from 'node:child_process'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  adoptServer,
  killAllProcesses,
  launchServer,
  pauseAllProcesses,
  resumeAllProcesses,
  signalServer,
  stopServer,
  waitReady,
} from '../../src/postgres/index.js'
import { findServerProcesses } from '../../src/postgres/server-processes.js'
import { failureOf, scratchServer, user } from './scratch-server.js'

test('a server starts, answers under its name, and stops', async () => {
  const { server, start, connect } = await scratchServer()
  const running = await start()
  const client = await connect()
  const { rows } = await client.query(`select current_setting('cluster_name') as name,
    current_setting('data_checksums') as checksums, current_setting('unix_socket_directories') as sockets`)
  expect(rows).toEqual([{ name: 'scratch', checksums: 'on', sockets: '' }])
  await stopServer(server, running, 'fast', 10_000)
  expect(await running.exited).toEqual({ code: 0, signal: null })
  expect(signalServer(running, 'fast')).toBe(false)
  expect(await adoptServer(server)).toBeNull()
})

test('a smart stop that waits for a client times out, and a fast one then ends it', async () => {
  const { server, start, connect } = await scratchServer()
  const running = await start()
  await connect()
  expect((await failureOf(stopServer(server, running, 'smart', 50))).code).toBe('SERVER_STOP_TIMEOUT')
  await stopServer(server, running, 'fast', 10_000)
})

test('the fence ends the postmaster and every backend', async () => {
  const { server, start, connect } = await scratchServer()
  const running = await start()
  await connect()
  expect(await killAllProcesses(server)).toBeGreaterThan(3)
  expect(await running.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await killAllProcesses(server)).toBe(0)
})

test('I2: the fence ends a server that was launched a moment ago', async () => {
  const { server, binaries } = await scratchServer()
  const running = await launchServer(server, binaries, user)
  expect(await killAllProcesses(server)).toBeGreaterThan(0)
  expect(await running.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

test('the fence ends backends whose postmaster is gone', async () => {
  const { server, start, connect } = await scratchServer()
  const running = await start()
  const client = await connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  // A backend that waits leaves by itself when its postmaster dies; one that computes does not notice.
  const busy = client.query('do $$ begin loop end loop; end $$').catch(() => 'cut off')
  const watcher = await connect()
  const state = `select 1 from pg_stat_activity where pid = ${rows[0].pid} and state = 'active'`
  while ((await watcher.query(state)).rowCount === 0) await sleep(5)
  process.kill(running.pid, 'SIGKILL')
  await running.exited
  expect(findServerProcesses(server.dataDir).others).toContain(rows[0].pid)
  expect(await adoptServer(server)).toBeNull()
  expect(await killAllProcesses(server)).toBeGreaterThan(0)
  expect(findServerProcesses(server.dataDir)).toEqual({ postmaster: null, others: [] })
  expect(await busy).toBe('cut off')
  await start()
})

test('the fence spares a person’s shell that stands in the data directory', async () => {
  const { server, start } = await scratchServer()
  await start()
  const shell = spawn('sleep', ['60'], { cwd: server.dataDir })
  await killAllProcesses(server)
  expect(shell.exitCode).toBeNull()
  expect(shell.signalCode).toBeNull()
  shell.kill('SIGKILL')
})

test('a running server is adopted, and its end is noticed', async () => {
  const { server, start } = await scratchServer()
  const running = await start()
  const adopted = await adoptServer(server)
  expect(adopted).toMatchObject({ pid: running.pid, startedByUs: false })
  if (!adopted) return
  await waitReady(server, adopted, 10_000)
  await stopServer(server, adopted, 'fast', 10_000)
  expect(await adopted.exited).toEqual({ code: null, signal: null })
})

test('a postmaster.pid whose process id now belongs to another program is not adopted', async () => {
  const { server, start } = await scratchServer()
  const stranger = spawn('sleep', ['60'])
  const path = join(server.dataDir, 'postmaster.pid')
  writeFileSync(path, `${stranger.pid}\n${server.dataDir}\n1\n1\n\n127.0.0.1\n\nready\n`, { mode: 0o600 })
  if (user) chownSync(path, user.uid, user.gid)
  expect(await adoptServer(server)).toBeNull()
  stranger.kill('SIGKILL')
  await new Promise((resolve) => stranger.once('exit', resolve))
  await start()
})

test('a paused server answers nobody until it is resumed', async () => {
  const { server, start, connect } = await scratchServer()
  await start()
  const client = await connect()
  expect(await pauseAllProcesses(server)).toBeGreaterThan(3)
  let answered = false
  const answer = client.query('select 1').then(() => {
    answered = true
  })
  await sleep(60)
  expect(answered).toBe(false)
  expect(await resumeAllProcesses(server)).toBeGreaterThan(3)
  await answer
})

test('a paused server can be stopped', async () => {
  const { server, start } = await scratchServer()
  const running = await start()
  await pauseAllProcesses(server)
  await stopServer(server, running, 'fast', 10_000)
})

test('a second server on the same data directory names the process of the first', async () => {
  const { server, binaries, start } = await scratchServer()
  const first = await start()
  const second = await launchServer(server, binaries, user)
  const failure = await failureOf(waitReady(server, second, 10_000))
  expect(failure.code).toBe('SERVER_START_FAILED')
  expect(failure.message).toContain(String(first.pid))
})
