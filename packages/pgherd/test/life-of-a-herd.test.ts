import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  done,
  expectNothingRuns,
  newFolder,
  nodesOf,
  pgherd,
  primaryOf,
  processesIn,
  SPEC,
  skipBecause,
  start,
  statusOf,
  until,
  whenWhole,
} from './scratch-cli.js'

const TIMEOUT = { timeout: 300_000 }

function folderWith(spec: string, name?: string): string {
  const cwd = newFolder(name)
  writeFileSync(join(cwd, 'herd.yaml'), spec)
  return cwd
}

test(
  'a herd lives: up, status, sql, logs, dsn, chaos, failover, switchover, down, up again, destroy',
  TIMEOUT,
  async () => {
    const cwd = folderWith(SPEC)
    const up = await done(['up', '--detach'], { cwd })
    expect(up).toMatch(/main-1 +primary +running/)
    expect(up).toContain('psql "postgres://app:')
    expect(up).not.toContain('\u001b')

    const status = await statusOf(cwd)
    expect(Object.keys(status).sort()).toEqual(['api', 'epoch', 'groups', 'name', 'proxy'])
    expect(status).toMatchObject({
      name: 'scratch',
      epoch: 1,
      api: { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
    })
    expect(status.proxy).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
    for (const node of status.groups[0]?.nodes ?? []) {
      expect(node).toEqual({
        name: expect.stringMatching(/^main-[123]$/),
        role: expect.stringMatching(/^(primary|standby)$/),
        state: 'running',
        host: '127.0.0.1',
        port: expect.any(Number),
        pid: expect.any(Number),
        lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
        lagBytes: node.role === 'primary' ? null : expect.any(Number),
        lagMs: node.role === 'primary' ? null : expect.any(Number),
        sync: node.role === 'primary' ? null : 'quorum',
      })
    }
    expect(await done(['status'], { cwd })).toMatch(/NODE +ROLE +STATE +ADDRESS +LSN +LAG +SYNC +PID/)

    await done(['sql', 'create table kept (n int); insert into kept values (1), (2)'], { cwd })
    expect(await done(['sql', 'select sum(n) as total from kept'], { cwd })).toBe('total\n3\n(1 row)\n')
    const json = await done(['sql', '--json', 'select n from kept order by n'], { cwd })
    expect(JSON.parse(json)).toEqual({ command: 'SELECT', rowCount: 2, rows: [{ n: 1 }, { n: 2 }] })
    const wrong = await pgherd(['sql', 'selec 1'], { cwd })
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toMatch(/^SQL_FAILED: main-1: syntax error at or near "selec" \(42601\)/)
    const readOnly = await pgherd(['sql', '--node', 'main-2', 'create table no (n int)'], { cwd })
    expect(readOnly.stderr).toMatch(/read-only transaction \(25006\)/)

    const dsn = (await done(['dsn'], { cwd })).trim()
    if (hasPsql()) {
      expect(execFileSync('psql', [dsn, '-Atc', 'select sum(n) from kept'], { encoding: 'utf8' })).toBe('3\n')
      const superuser = (await done(['dsn', 'main-2', '--superuser'], { cwd })).trim()
      expect(execFileSync('psql', [superuser, '-Atc', 'select current_user'], { encoding: 'utf8' })).toBe(
        'postgres\n',
      )
    } else skipBecause('there is no psql to try the connection string with')

    const heard = listenToEvents(join(cwd, '.pgherd/scratch/control.sock'))
    expect(await done(['chaos', 'kill', 'main-1'], { cwd })).toBe('Killed main-1.\n')
    await until('main-1 is primary no more', async () => (await primaryOf(cwd)) !== 'main-1')
    await whenWhole(cwd)
    const logs = await done(['logs'], { cwd })
    expect(logs).toMatch(/The primary main-1 exited\.\n/)
    expect(logs).toMatch(/is the primary now \(epoch 2, timeline 2\)/)
    expect(heard()).toMatch(/^event: event\ndata: {"id":\d+,"at":.*"main-\d is the primary now/m)
    const events = (await done(['logs', '--json', '-n', '2'], { cwd })).trim().split('\n')
    expect(events).toHaveLength(2)
    expect(JSON.parse(events[0] as string)).toMatchObject({
      at: expect.any(String),
      kind: expect.any(String),
      group: 'main',
    })
    expect(await done(['logs', '-n', '0'], { cwd })).toBe('')
    expect(await done(['logs', 'main-1', '-n', '5'], { cwd })).toMatch(/UTC \[\d+\]/)

    const before = await primaryOf(cwd)
    expect(await done(['failover', 'main'], { cwd })).toContain('epoch 3')
    expect(await primaryOf(cwd)).not.toBe(before)
    await whenWhole(cwd)
    const to = Object.values(await nodesOf(cwd)).find((node) => node.role === 'standby')?.name as string
    const switched = JSON.parse(await done(['switchover', 'main', '--to', to, '--json'], { cwd }))
    expect(switched).toMatchObject({ epoch: 4 })
    expect(await primaryOf(cwd)).toBe(to)
    await whenWhole(cwd)
    expect((await pgherd(['switchover', 'main', '--to', to], { cwd })).stderr).toMatch(
      new RegExp(`^SWITCHOVER_REFUSED: No switchover: ${to} is the primary already`),
    )

    for (const [args, code, sentence] of [
      [['failover', 'nope'], 2, /UNKNOWN_GROUP: There is no group "nope"; this herd has main/],
      [
        ['switchover', 'main', '--to', 'nope'],
        2,
        /UNKNOWN_NODE: There is no node "nope"; this herd has main-1/,
      ],
      [['chaos', 'kill', 'nope'], 2, /UNKNOWN_NODE/],
      [['logs', 'nope'], 2, /UNKNOWN_NODE/],
      [['dsn', 'nope'], 2, /UNKNOWN_NODE/],
      [['sql', '--node', 'nope', 'select 1'], 2, /UNKNOWN_NODE/],
      [['status', '--name', 'nope'], 1, /HERD_NOT_FOUND: There is no herd "nope"/],
      [['up', '--detach'], 1, /HERD_ALREADY_RUNNING: This herd is already supervised by process \d+/],
      [['up'], 1, /HERD_ALREADY_RUNNING/],
    ] as const) {
      const outcome = await pgherd(args, { cwd })
      expect(outcome.stderr).toMatch(sentence)
      expect(outcome.code).toBe(code)
    }

    expect(await done(['down'], { cwd })).toContain('its data stays')
    expectNothingRuns(cwd)
    const stopped = await done(['status'], { cwd })
    expect(stopped).toContain('Nobody supervises this herd')
    for (const args of [
      ['sql', 'select 1'],
      ['failover', 'main'],
      ['chaos', 'kill', 'main-1'],
    ])
      expect(await pgherd(args, { cwd })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('HERD_NOT_RUNNING'),
      })

    const report = JSON.parse(await done(['up', '--detach', '--json'], { cwd }))
    expect(report).toMatchObject({ name: 'scratch', dsn })
    expect(await done(['sql', 'select sum(n) as total from kept'], { cwd })).toContain('3')

    const data = realpathSync(join(cwd, '.pgherd/scratch/nodes'))
    const unconfirmed = await pgherd(['down', '--destroy'], { cwd })
    expect(unconfirmed.code).toBe(2)
    expect(unconfirmed.stderr).toMatch(
      /^CONFIRMATION_NEEDED: --destroy deletes all data of "scratch": 3 nodes in .*\nSay so with --yes/,
    )
    expect(await done(['sql', 'select sum(n) as total from kept'], { cwd })).toContain('3')
    expect(await done(['down', '--destroy', '--yes'], { cwd })).toContain('its data is deleted')
    expectNothingRuns(cwd)
    expect(existsSync(data)).toBe(false)
    expect(readdirSync(join(cwd, '.pgherd'))).toEqual([])
  },
)

test('spaces, quotes and letters of any language in paths are no hindrance', TIMEOUT, async () => {
  const cwd = newFolder(`it's a "földer" für 日本 $HOME`)
  writeFileSync(join(cwd, 'mein spéc.yaml'), SPEC)
  await done(['up', 'mein spéc.yaml', '--detach'], { cwd, env: { PGHERD_DATA: join(cwd, '.pgherd-däta') } })
  await done(['chaos', 'kill', 'main-1'], { cwd })
  await until('another is primary', async () => (await primaryOf(cwd)) !== 'main-1')
  await whenWhole(cwd)
  await done(['down', '--destroy', '--yes'], { cwd })
  expectNothingRuns(cwd)
})

test('a state folder too deep for a socket still has one', TIMEOUT, async () => {
  const cwd = newFolder()
  const state = join(cwd, ...Array.from({ length: 5 }, (_, depth) => `${depth}`.repeat(50)))
  writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 1 }]`)
  await done(['up', '--detach', '--state', state], { cwd })
  expect(await done(['status', '--state', state], { cwd })).toMatch(/main-1 +primary/)
  await done(['down', '--destroy', '--yes', '--state', state], { cwd })
  expect(readdirSync(state)).toEqual([])
})

test('two herds of one folder are told apart by name', TIMEOUT, async () => {
  const cwd = newFolder()
  for (const name of ['one', 'two']) {
    writeFileSync(join(cwd, `${name}.yaml`), `name: ${name}\nport: auto\ngroups: [{ nodes: 1 }]\n`)
    await done(['up', `${name}.yaml`, '--detach'], { cwd })
  }
  const unnamed = await pgherd(['status'], { cwd })
  expect(unnamed).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/several herds in .*: one, two\.\nSay which one with --name/),
  })
  expect(JSON.parse(await done(['status', '--json', '--name', 'two'], { cwd }))).toMatchObject({
    name: 'two',
  })
  await done(['down', '--name', 'one', '--destroy', '--yes'], { cwd })
  expect(await statusOf(cwd)).toMatchObject({ name: 'two' })
  expect(await primaryOf(cwd)).toBe('main-1')
})

test('I9: a port that is taken is refused with the name of who holds it', TIMEOUT, async () => {
  const cwd = newFolder()
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as { port: number }
  writeFileSync(
    join(cwd, 'herd.yaml'),
    `name: scratch\nport: ${port}\ngroups: [{ nodes: 1 }]\nproxy: { port: auto }\n`,
  )
  for (const args of [['up'], ['up', '--detach']]) {
    const { code, stderr } = await pgherd(args, { cwd })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      new RegExp(`^PORT_TAKEN: Port ${port}, wanted for main-1, is in use by .*\\(process ${process.pid}\\)`),
    )
    expect(stderr).toContain('pgherd up --port auto')
  }
  expectNothingRuns(cwd)
  await new Promise((resolve) => holder.close(resolve))
  await done(['up', '--detach'], { cwd })
})

test(
  'I9: a setting that PostgreSQL does not know is named, and nothing is left running',
  TIMEOUT,
  async () => {
    const cwd = folderWith('name: scratch\nport: auto\npostgres: { settings: { wrok_mem: 8MB } }\n')
    for (const args of [['up'], ['up', '--detach']]) {
      const { code, stderr } = await pgherd(args, { cwd })
      expect(code).toBe(2)
      expect(stderr).toMatch(
        /^SPEC_INVALID: main-1 did not start: PostgreSQL has no setting called wrok_mem\.\nCorrect or remove wrok_mem/,
      )
      expectNothingRuns(cwd)
    }
    writeFileSync(join(cwd, 'herd.yaml'), SPEC)
    await done(['up', '--detach'], { cwd })
    await whenWhole(cwd)
  },
)

test(
  'I7: a data directory with foreign content, or of another version, is refused and left as it is',
  TIMEOUT,
  async () => {
    const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
    await done(['up', '--detach'], { cwd })
    await done(['down'], { cwd })
    const data = join(realpathSync(join(cwd, '.pgherd/scratch/nodes')), 'main-1/data')
    writeFileSync(join(data, 'PG_VERSION'), '17\n')
    const version = await pgherd(['up', '--detach'], { cwd })
    expect(version).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^DATA_DIRECTORY_VERSION: .* was made by PostgreSQL 17, but the spec asks for version 18/,
      ),
    })
    rmSync(data, { recursive: true })
    mkdirSync(data)
    writeFileSync(join(data, 'thesis.txt'), 'years of work')
    for (const args of [['up'], ['up', '--detach']]) {
      const foreign = await pgherd(args, { cwd })
      expect(foreign).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^DATA_DIRECTORY_FOREIGN: .*it holds thesis\.txt/),
      })
    }
    expect(readdirSync(data)).toEqual(['thesis.txt'])
    expectNothingRuns(cwd)
  },
)

test(
  'I10: servers whose supervisor was killed go on, are shown, adopted by up and stopped by down',
  TIMEOUT,
  async () => {
    const cwd = folderWith(SPEC)
    await done(['up', '--detach'], { cwd })
    const before = await nodesOf(cwd)
    const kill = (): void => {
      const { pid } = JSON.parse(
        execFileSync('cat', [join(cwd, '.pgherd/scratch/supervisor.lock')], { encoding: 'utf8' }),
      )
      process.kill(pid, 'SIGKILL')
    }
    kill()
    const alone = await until('the supervisor is gone', async () => {
      const text = await done(['status'], { cwd })
      return text.includes('Nobody supervises') ? text : null
    })
    expect(alone).toMatch(/main-1 +primary +running/)
    await done(['up', '--detach'], { cwd })
    const after = await nodesOf(cwd)
    for (const name of Object.keys(before)) expect(after[name]?.pid).toBe(before[name]?.pid)
    kill()
    await until('the supervisor is gone', async () =>
      (await done(['status'], { cwd })).includes('Nobody supervises'),
    )
    await done(['down'], { cwd })
    expect(processesIn(cwd)).toEqual([])
  },
)

test('a paused node is shown as paused, and goes on when it is resumed', TIMEOUT, async () => {
  const cwd = folderWith(SPEC)
  await done(['up', '--detach'], { cwd })
  await done(['chaos', 'pause', 'main-2'], { cwd })
  expect((await nodesOf(cwd))['main-2']?.state).toBe('paused')
  expect(JSON.parse(await done(['chaos', 'resume', 'main-2', '--json'], { cwd }))).toMatchObject({
    name: 'scratch',
  })
  await whenWhole(cwd)
})

test('logs --follow prints what happens from now on', TIMEOUT, async () => {
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
  await done(['up', '--detach'], { cwd })
  const follower = start(['logs', '--follow', '-n', '1'], { cwd })
  await until('it prints', () => follower.output() !== '')
  await done(['chaos', 'kill', 'main-1'], { cwd })
  await until('it tells of the kill', () => follower.output().includes('By order: kill main-1'))
})

test('status --watch draws again and again until it is ended', TIMEOUT, async () => {
  const cwd = folderWith(`${SPEC}groups: [{ nodes: 1 }]\n`)
  await done(['up', '--detach'], { cwd })
  const watcher = start(['status', '--watch'], { cwd })
  await until('it has drawn twice', () => watcher.output().split('main-1').length > 2)
  expect(watcher.output()).not.toContain('\u001b')
  watcher.child.kill('SIGINT')
  await watcher.ended
})

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version'])
    return true
  } catch {
    return false
  }
}

/** Listens on a supervisor's socket as the client does; what it returns tells what has been heard. */
function listenToEvents(socketPath: string): () => string {
  let heard = ''
  const feed = request(
    { socketPath, path: '/v1/events', headers: { accept: 'text/event-stream' } },
    (response) => {
      response.on('data', (chunk) => {
        heard += String(chunk)
      })
      response.on('error', () => {})
    },
  )
  feed.on('error', () => {})
  feed.end()
  return () => heard
}
