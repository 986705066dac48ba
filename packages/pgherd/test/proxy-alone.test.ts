import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { done, newFolder, SPEC, type Started, start, until } from './scratch-cli.js'

const TIMEOUT = { timeout: 300_000 }
const clients: pg.Client[] = []
let cwd: string
/** Of the herd's nodes, as the superuser. */
let nodes: string[]

beforeEach(async () => {
  cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 2 }]\nproxy: false\n`)
  await done(['up', '--detach'], { cwd })
  nodes = await Promise.all(
    ['main-1', 'main-2'].map(async (node) => (await done(['dsn', node, '--superuser'], { cwd })).trim()),
  )
}, 120_000)

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

interface Told extends Promise<string> {}

async function connect(port: number, database = 'scratch'): Promise<{ client: pg.Client; told: Told }> {
  const url = new URL(nodes[0] as string)
  url.port = String(port)
  url.pathname = database
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 5000 })
  const told = new Promise<string>((resolve) => {
    client.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
  })
  clients.push(client)
  await client.connect()
  return { client, told }
}

async function listening(started: Started): Promise<number> {
  const found = await until('it listens', () => /listens at 127\.0\.0\.1:(\d+)/.exec(started.output()))
  return Number(found[1])
}

test('a proxy alone says where it listens, and stops when transactions have ended', TIMEOUT, async () => {
  const started = start(['proxy', '--nodes', ...nodes, '--port', 'auto', '--metrics', '0'], { cwd })
  const port = await listening(started)
  await until('it says who is what', () =>
    /127\.0\.0\.1:\d+ {2}primary\n +127\.0\.0\.1:\d+ {2}standby/.test(started.output()),
  )
  const metrics = /http:\/\/\S+/.exec(started.output())?.[0] as string
  expect(await (await fetch(metrics)).text()).toContain('pgherd_proxy_node_in{')
  const [idle, busy] = [await connect(port), await connect(port)]
  await busy.client.query('begin')
  await busy.client.query('create table kept (n int)')
  started.child.kill('SIGTERM')
  expect(await idle.told).toBe('57P01')
  expect(started.child.exitCode).toBeNull()
  await busy.client.query('commit')
  const { code, stdout, stderr } = await started.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('Stopping: open transactions have 30 s to end')
})

test('a second signal stops it at once', TIMEOUT, async () => {
  const started = start(['proxy', '--nodes', ...nodes, '--port', 'auto'], { cwd })
  const { client, told } = await connect(await listening(started))
  await client.query('begin')
  started.child.kill('SIGINT')
  await until('it is stopping', () => started.output().includes('Stopping'))
  started.child.kill('SIGINT')
  expect(await told).toBe('57P01')
  expect((await started.ended).code).toBe(0)
})

test(
  'SIGHUP reads the file again and disconnects nobody; a file that is wrong changes nothing',
  TIMEOUT,
  async () => {
    const write = (more: string): void =>
      writeFileSync(join(cwd, 'proxy.yaml'), `nodes: ${JSON.stringify(nodes)}\nport: auto\n${more}\n`)
    write('maxClients: 5')
    const started = start(['proxy', '--config', 'proxy.yaml'], { cwd })
    const port = await listening(started)
    const { client } = await connect(port)
    const { client: admin } = await connect(port, 'pgherd')
    const maxClients = async (): Promise<string> =>
      (await admin.query('SHOW CONFIG')).rows.find(({ name }) => name === 'maxClients').value
    expect(await maxClients()).toBe('5')
    write('maxClients: 6')
    started.child.kill('SIGHUP')
    await until('it has read it', async () => (await maxClients()) === '6')
    write('maxClients: many')
    started.child.kill('SIGHUP')
    await until('it says what is wrong', () =>
      started
        .output()
        .includes('proxy.yaml:3:13: maxClients must be a whole number from 1 to 100000, not "many"'),
    )
    await expect(admin.query('RELOAD')).rejects.toThrow('maxClients must be a whole number')
    expect(await maxClients()).toBe('6')
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  },
)

test('nodes may come from the environment; SHUTDOWN ends it', TIMEOUT, async () => {
  const started = start(['proxy', '--port', 'auto', '--json'], {
    cwd,
    env: { PGHERD_NODES: nodes.join(' ') },
  })
  const line = await until('it prints where it listens', () => started.output().trim())
  const { proxy, metrics } = JSON.parse(line)
  expect(metrics).toBeNull()
  const { client } = await connect(proxy.port, 'pgherd')
  await client.query('SHUTDOWN')
  expect(await started.ended).toMatchObject({ code: 0, stderr: '' })
})

test('I9: a port that is taken, and nodes that do not answer, are told in a sentence', TIMEOUT, async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as { port: number }
  const taken = await start(['proxy', '--nodes', ...nodes, '--port', String(port)], { cwd }).ended
  expect(taken).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(new RegExp(`^PORT_TAKEN: Port ${port} at 127\\.0\\.0\\.1 is in use`)),
  })
  await new Promise((resolve) => holder.close(resolve))
  const away = start(['proxy', '--nodes', `postgres://a@127.0.0.1:${port}/b`, '--port', 'auto'], { cwd })
  await listening(away)
  await until('it says so', () => away.output().includes(`127.0.0.1:${port}  left out: `))
})

describe('with several workers', () => {
  const serve = async (): Promise<{ started: Started; port: number; pids: number[] }> => {
    const args = ['--nodes', ...nodes, '--port', 'auto', '--metrics', '0', '--workers', '2']
    const started = start(['proxy', ...args], { cwd })
    const port = await listening(started)
    const { client } = await connect(port, 'pgherd')
    const { rows } = await client.query('SHOW WORKERS')
    const pids = rows.map(({ pid }) => Number(pid))
    expect(new Set([...pids, started.child.pid]).size).toBe(3)
    return { started, port, pids }
  }

  test(
    'clients of each are served, and figures are of both; a signal stops all, once transactions have ended',
    TIMEOUT,
    async () => {
      const { started, port, pids } = await serve()
      const found = await Promise.all([connect(port), connect(port), connect(port), connect(port)])
      const [busy, ...idle] = found as [(typeof found)[0], ...typeof found]
      for (const { client } of found)
        expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      const metrics = /http:\/\/\S+/.exec(started.output())?.[0] as string
      expect(await (await fetch(metrics)).text()).toContain('pgherd_proxy_batch_duration_seconds_count 4')
      await busy.client.query('begin')
      await busy.client.query('create table kept (n int)')
      // As a terminal does: every process in it is told.
      for (const pid of [started.child.pid as number, ...pids]) process.kill(pid, 'SIGINT')
      expect(await Promise.all(idle.map(({ told }) => told))).toEqual(['57P01', '57P01', '57P01'])
      expect(started.child.exitCode).toBeNull()
      await busy.client.query('commit')
      const { code, stderr } = await started.ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(pids.filter(isAlive)).toEqual([])
    },
  )

  test(
    'one that dies is told of and started again; all end with the process that started them',
    TIMEOUT,
    async () => {
      const { started, port, pids } = await serve()
      process.kill(pids[0] as number, 'SIGKILL')
      await until('it is told', () =>
        started.output().includes('Worker 0 ended (SIGKILL); its clients lost their connections.'),
      )
      await until('it is back', () => started.output().includes('Worker 0 serves again.'))
      const { client } = await connect(port, 'pgherd')
      const now = (await client.query('SHOW WORKERS')).rows.map(({ pid }) => Number(pid))
      expect(now[0]).not.toBe(pids[0])
      started.child.kill('SIGKILL')
      await until('they have ended', () => !now.some(isAlive))
    },
  )
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
