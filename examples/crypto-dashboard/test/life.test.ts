import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PATIENCE_MS, until } from '../../../test/scratch-herd.js'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))

let folder: string
let started: ChildProcess | null = null

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crypto-'))
  // Run as root, servers belong to another account, which must be able to pass.
  await chmod(folder, 0o711)
})

afterEach(async () => {
  await run('wipe', '--yes')
  started?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}, PATIENCE_MS)

interface Ended {
  code: number
  said: string
}

/** Runs one of the programs as `npm run` does. */
function run(program: 'start' | 'stop' | 'wipe', ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(DIST, `${program}-main.js`), '--state', join(folder, 'state'), ...args],
      { env: environment() },
      (error, _, stderr) => resolve({ code: Number(error?.code ?? 0), said: stderr.trim() }),
    )
    child.stdin?.end()
  })
}

/** Only util-linux has a `script` that makes a terminal and gives back the exit code. */
const HAS_TERMINAL = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux')

/** Runs `wipe` in a terminal and types `word` when it asks. */
function wipeByHand(word: string): Promise<Ended> {
  const line = `'${process.execPath}' '${join(DIST, 'wipe-main.js')}' --state '${join(folder, 'state')}'`
  return new Promise((resolve) => {
    const child = spawn('script', ['-qefc', line, '/dev/null'], { env: environment() })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
      if (said.includes('Type wipe to go on: ') && !child.stdin.writableEnded) child.stdin.end(`${word}\n`)
    })
    child.on('exit', (code) => resolve({ code: code ?? -1, said }))
  })
}

/** Starts the dashboard; resolves to its address once it serves. */
async function start(): Promise<{ url: string; said: () => string; ended: Promise<number | null> }> {
  const child = spawn(
    process.execPath,
    [join(DIST, 'start-main.js'), '--state', join(folder, 'state'), '--port', '0', '--history-minutes', '2'],
    { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  started = child
  let out = ''
  let said = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const url = await until(`it serves`, () => {
    if (child.exitCode !== null) throw new Error(said)
    return out.trim()
  })
  return { url, said: () => said, ended }
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PGHERD_DATA: join(folder, 'data') }
}

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of an answer, it asserts
async function ask(url: string): Promise<any> {
  return (await fetch(url)).json()
}

test(
  'it is started, stopped with its data kept, started again where it was, and wiped only on a word (I7)',
  async () => {
    expect(await run('stop')).toEqual({ code: 0, said: 'there is nothing to stop' })

    const first = await start()
    expect((await ask(`${first.url}/api/status`)).start).toMatchObject({ prices: 0, since: null })
    await until(
      'prices of now are stored',
      async () => (await ask(`${first.url}/api/status`)).collector.storedUntil,
    )
    const since = (await ask(`${first.url}/api/candles?coin=BTC`)).candles[0].at
    const second = await run('start')
    expect(second).toEqual({
      code: 1,
      said: `The dashboard runs already, at ${first.url}.\nStop it with "npm run stop".`,
    })
    expect((await run('stop')).code).toBe(0)
    expect(await first.ended).toBe(0)
    await expect(ask(`${first.url}/api/status`)).rejects.toThrow()

    const again = await start()
    const { start: found } = await ask(`${again.url}/api/status`)
    // Two minutes of twelve coins, and some seconds.
    expect(found.prices).toBeGreaterThan(12 * 120)
    expect(Date.parse(found.since)).toBeGreaterThanOrEqual(Date.parse(since))
    expect(found.standbyLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
    expect(again.said()).toContain(
      `carrying on: ${found.prices.toLocaleString('en')} prices since ${found.since}; ` +
        `standby ${found.standby} resumed at LSN ${found.standbyLsn}`,
    )
    const { nodes } = await ask(`${again.url}/api/replication`)
    expect(nodes.map(({ state }: { state: string }) => state)).toEqual(['running', 'running'])

    const refused = await run('wipe')
    expect(refused.code).toBe(1)
    expect(refused.said).toMatch(
      /^This deletes all prices, trades and 2 servers of "crypto" in .*\nSay so with --yes\.$/,
    )
    expect((await ask(`${again.url}/api/prices`)).prices[0].price).toBeGreaterThan(0)
    if (HAS_TERMINAL) expect(await wipeByHand('yes')).toMatchObject({ code: 1 })
    expect((await ask(`${again.url}/api/prices`)).prices[0].price).toBeGreaterThan(0)
    expect(await (HAS_TERMINAL ? wipeByHand('wipe') : run('wipe', '--yes'))).toMatchObject({ code: 0 })
    expect(await again.ended).toBe(0)
    expect(await run('wipe', '--yes')).toEqual({ code: 0, said: 'there is nothing to wipe' })
  },
  2 * PATIENCE_MS,
)

test.each([
  [['--port', 'many'], '--port takes a whole number from 0 to 65535, not "many".'],
  [
    ['--source', 'ftp://prices'],
    '--source takes an address like https://api.coingecko.com/api/v3, not "ftp://prices".',
  ],
  [['--keep-hours', '0'], '--keep-hours takes a whole number from 1 to 87600, not "0".'],
])('%j is refused before anything is started', async (args, sentence) => {
  const { code, said } = await run('start', ...args)
  expect(code).toBe(2)
  expect(said.split('\n')[0]).toBe(sentence)
})
