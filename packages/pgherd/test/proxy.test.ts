import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { HerdStatus } from '@pgherd/core'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import {
  done,
  expectNothingRuns,
  newFolder,
  pgherd,
  primaryOf,
  processesIn,
  SPEC,
  statusOf,
  until,
  whenWhole,
} from './scratch-cli.js'

const TIMEOUT = { timeout: 300_000 }
const clients: pg.Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

function folderWith(spec: string): string {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), spec)
  return cwd
}

async function connect(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  clients.push(client)
  await client.connect()
  return client
}

async function proxyOf(cwd: string): Promise<NonNullable<HerdStatus['proxy']>> {
  return until('the proxy serves', async () => (await statusOf(cwd)).proxy)
}

async function dsnOf(cwd: string, ...flags: string[]): Promise<string> {
  return (await done(['dsn', '--proxy', ...flags], { cwd })).trim()
}

function pidIn(cwd: string, file: 'proxy.lock' | 'supervisor.lock'): number {
  return JSON.parse(readFileSync(join(cwd, '.pgherd/scratch', file), 'utf8')).pid as number
}

async function ask(client: pg.Client, text: string): Promise<unknown> {
  return Object.values((await client.query(text)).rows[0] as object)[0]
}

test('up starts the proxy, status and dsn say where it is, down stops it', TIMEOUT, async () => {
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 2 }]\nproxy: { maxServers: 3 }\n`)
  const up = await done(['up', '--detach'], { cwd })
  const { host, port } = await proxyOf(cwd)
  expect(up).toContain(`@127.0.0.1:${port}/scratch"`)
  expect(await done(['status'], { cwd })).toContain(`proxy  ${host}:${port}`)
  const dsn = await dsnOf(cwd)
  expect(new URL(dsn)).toMatchObject({ port: String(port), username: 'app', pathname: '/scratch' })
  const client = await connect(dsn)
  await client.query('create table kept (n int)')
  await client.query('insert into kept values (1)')
  expect(await ask(client, 'select n from kept')).toBe(1)

  const admin = new URL(await dsnOf(cwd, '--superuser'))
  admin.pathname = 'pgherd'
  const { rows } = await (await connect(admin.href)).query('SHOW CONFIG')
  expect(rows).toContainEqual({ name: 'maxServers', value: '3', reloadable: 'yes' })

  // Who can list processes sees no password.
  const password = new URL(dsn).password
  expect(processesIn(cwd).filter((command) => command.includes('serve-proxy'))).toHaveLength(1)
  for (const secret of [password, admin.password])
    expect(processesIn(cwd).some((command) => command.includes(secret))).toBe(false)
  expect(readFileSync(`/proc/${pidIn(cwd, 'proxy.lock')}/environ`, 'utf8').includes(admin.password)).toBe(
    false,
  )

  expect((await pgherd(['dsn', 'main-1', '--proxy'], { cwd })).code).toBe(2)
  await done(['down'], { cwd })
  expectNothingRuns(cwd)
})

test('I10: a proxy that dies is started again, at the same address', TIMEOUT, async () => {
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
  await done(['up', '--detach'], { cwd })
  const before = await proxyOf(cwd)
  const pid = pidIn(cwd, 'proxy.lock')
  process.kill(pid, 'SIGKILL')
  const client = await until('it serves again', () =>
    dsnOf(cwd)
      .then(connect)
      .catch(() => null),
  )
  expect(await ask(client, 'select 1')).toBe(1)
  expect(await proxyOf(cwd)).toEqual(before)
  expect(pidIn(cwd, 'proxy.lock')).not.toBe(pid)
  expect(await done(['logs'], { cwd })).toMatch(/The proxy ended \(SIGKILL\)\.\n.*The proxy serves at/)
})

test('a proxy that hangs is ended and started again', TIMEOUT, async () => {
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
  await done(['up', '--detach'], { cwd })
  await proxyOf(cwd)
  process.kill(pidIn(cwd, 'proxy.lock'), 'SIGSTOP')
  await until('it is noticed', async () => (await done(['logs'], { cwd })).includes('The proxy ended ('))
  const client = await until('it serves again', () =>
    dsnOf(cwd)
      .then(connect)
      .catch(() => null),
  )
  expect(await ask(client, 'select 1')).toBe(1)
})

test(
  'I10: a proxy whose supervisor was killed goes on, and the next one takes it over with its clients',
  TIMEOUT,
  async () => {
    const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
    await done(['up', '--detach'], { cwd })
    const client = await connect(await dsnOf(cwd))
    await client.query('begin')
    await client.query('create table mine (n int)')
    const pid = pidIn(cwd, 'proxy.lock')
    const address = await proxyOf(cwd)
    process.kill(pidIn(cwd, 'supervisor.lock'), 'SIGKILL')
    await until('nobody supervises', async () =>
      (await done(['status'], { cwd })).includes('Nobody supervises'),
    )
    expect((await statusOf(cwd)).proxy).toEqual(address)
    await client.query('insert into mine values (1)')

    // What can be changed while clients are there is, and they stay.
    writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 1 }]\nproxy: { maxClients: 7 }\n`)
    await done(['up', '--detach'], { cwd })
    expect(pidIn(cwd, 'proxy.lock')).toBe(pid)
    await client.query('commit')
    expect(await ask(client, 'select n from mine')).toBe(1)
    const admin = new URL(await dsnOf(cwd, '--superuser'))
    admin.pathname = 'pgherd'
    expect((await (await connect(admin.href)).query('SHOW CONFIG')).rows).toContainEqual({
      name: 'maxClients',
      value: '7',
      reloadable: 'yes',
    })

    // Without a supervisor, down still stops all of it.
    process.kill(pidIn(cwd, 'supervisor.lock'), 'SIGKILL')
    await until('nobody supervises', async () =>
      (await done(['status'], { cwd })).includes('Nobody supervises'),
    )
    await done(['down'], { cwd })
    expect(processesIn(cwd)).toEqual([])
  },
)

test(
  'a proxy on another port replaces the one that was left; none is kept where none is wanted',
  TIMEOUT,
  async () => {
    const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
    await done(['up', '--detach'], { cwd })
    const first = await proxyOf(cwd)
    const pid = pidIn(cwd, 'proxy.lock')
    const killSupervisor = async (): Promise<void> => {
      process.kill(pidIn(cwd, 'supervisor.lock'), 'SIGKILL')
      await until('nobody supervises', async () =>
        (await done(['status'], { cwd })).includes('Nobody supervises'),
      )
    }
    await killSupervisor()
    const port = await freePort()
    writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 1 }]\nproxy: { port: ${port} }\n`)
    await done(['up', '--detach'], { cwd })
    expect(await proxyOf(cwd)).toEqual({ ...first, port })
    expect(await ask(await connect(await dsnOf(cwd)), 'select 1')).toBe(1)
    await until('the first has ended', () => !isAlive(pid))

    await killSupervisor()
    writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 1 }]\nproxy: false\n`)
    const without = await done(['up', '--detach'], { cwd })
    expect(without).not.toContain(`${port}`)
    expect((await statusOf(cwd)).proxy).toBeNull()
    await until('the second has ended', () => processesIn(cwd).every((each) => !each.includes('serve-proxy')))
    expect(await pgherd(['dsn', '--proxy'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('says that it has no proxy'),
    })
  },
)

test(
  'a proxy that cannot be started keeps no herd from serving, and starts when it can',
  TIMEOUT,
  async () => {
    const cwd = newFolder()
    const files = { cert: join(cwd, 'cert.pem'), key: join(cwd, 'key.pem') }
    writeFileSync(
      join(cwd, 'herd.yaml'),
      `${SPEC}groups: [{ nodes: 1 }]\nproxy: { tls: ${JSON.stringify({ ...files, required: true })} }\n`,
    )
    const up = await done(['up', '--detach'], { cwd })
    expect(up).toContain('The proxy does not serve; "pgherd logs" says why.')
    expect((await statusOf(cwd)).proxy).toBeNull()
    expect(await done(['sql', 'select 1 as one'], { cwd })).toContain('1')
    expect(await done(['logs'], { cwd })).toMatch(
      /The proxy cannot be started: The file .*cert\.pem, named for TLS, cannot be read \(ENOENT\)\. It is tried again\./,
    )
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost']
    execFileSync('openssl', [...request, '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' })
    await proxyOf(cwd)
    const dsn = await dsnOf(cwd)
    await expect(connect(dsn)).rejects.toMatchObject({ code: '28000' })
    expect(await ask(await connect(`${dsn}?sslmode=no-verify`), 'select 1')).toBe(1)
  },
)

test('I9: a port that is taken is refused before anything is made', TIMEOUT, async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as { port: number }
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\nproxy: { port: ${port} }\n`)
  expect(await pgherd(['up', '--detach'], { cwd })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      new RegExp(`^PORT_TAKEN: Port ${port}, wanted for the proxy, is in use by .*\\n.*"proxy.port:"`),
    ),
  })
  expectNothingRuns(cwd)
  await done(['up', '--detach', '--port', 'auto'], { cwd })
  expect((await proxyOf(cwd)).port).not.toBe(port)
  await new Promise((resolve) => holder.close(resolve))
})

test.each([
  { switchovers: 10, workers: 1 },
  { switchovers: 3, workers: 2 },
])(
  '$switchovers switchovers under clients of a proxy with $workers serving processes that write and read: no error, nothing lost',
  TIMEOUT,
  async ({ switchovers, workers }) => {
    const cwd = folderWith(`${SPEC}proxy: { workers: ${workers} }\n`)
    await done(['up', '--detach'], { cwd })
    await whenWhole(cwd)
    const dsn = await dsnOf(cwd)
    await done(['sql', 'create table notes (writer int, n int, primary key (writer, n))'], { cwd })
    const idle = await connect(dsn)
    await idle.query('select count(*) from notes')
    let isOver = false
    const errors: string[] = []
    const writers = Array.from({ length: 6 }, async (_, writer): Promise<number> => {
      const client = await connect(dsn)
      let n = 0
      while (!isOver) {
        try {
          if (writer % 2 === 0) await client.query('insert into notes values ($1, $2)', [writer, n])
          else {
            await client.query('begin')
            await client.query('insert into notes values ($1, $2)', [writer, n])
            await client.query('commit')
          }
          n++
          const { rows } = await client.query('select count(*)::int as n from notes where writer = $1', [
            writer,
          ])
          if (rows[0].n !== n) errors.push(`writer ${writer} wrote ${n} and sees ${rows[0].n}`)
        } catch (error) {
          errors.push(`${(error as pg.DatabaseError).code}: ${(error as Error).message}`)
        }
      }
      return n
    })
    for (let round = 0; round < switchovers; round++) {
      const before = await primaryOf(cwd)
      await done(['switchover', 'main'], { cwd })
      expect(await primaryOf(cwd)).not.toBe(before)
      await whenWhole(cwd)
    }
    isOver = true
    const written = await Promise.all(writers)
    expect(errors).toEqual([])
    expect(Math.min(...written)).toBeGreaterThan(10)
    expect(await ask(idle, 'select count(*)::int from notes')).toBe(
      written.reduce((sum, each) => sum + each, 0),
    )
  },
)

test('psql reaches the herd and the admin database through the proxy', TIMEOUT, async () => {
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
  await done(['up', '--detach'], { cwd })
  const psql = (dsn: string, text: string): string =>
    execFileSync('psql', [dsn, '-Atc', text], { encoding: 'utf8', stdio: 'pipe' })
  try {
    execFileSync('psql', ['--version'])
  } catch {
    process.stdout.write('skipped: there is no psql\n')
    return
  }
  expect(psql(await dsnOf(cwd), 'select 6 * 7')).toBe('42\n')
  const admin = new URL(await dsnOf(cwd, '--superuser'))
  admin.pathname = 'pgherd'
  expect(psql(admin.href, 'show nodes')).toMatch(/^127\.0\.0\.1:\d+\|primary\|in\|/)
  expect(psql(admin.href, 'pause')).toBe('PAUSE\n')
  expect(psql(admin.href, 'resume')).toBe('RESUME\n')
  // Ended by SHUTDOWN, it is started again: it is the supervisor's.
  expect(psql(admin.href, 'shutdown')).toBe('SHUTDOWN\n')
  await until('it serves again', () =>
    dsnOf(cwd)
      .then(connect)
      .catch(() => null),
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

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
