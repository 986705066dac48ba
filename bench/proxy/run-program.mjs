import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs what it is given and then says what that took: children's processor time in the last line. */
const TIMED = '"$@"; code=$?; times >&2; exit $code'

/**
 * Runs a program of PostgreSQL's against `url` and resolves to what it printed and the processor time it took.
 * Nobody encrypts: not all contestants can. Rejects with its last words when it fails, and when it takes
 * longer than it may.
 */
export async function runProgram(program, args, { url, patienceSeconds, stdin = 'ignore', stdout = 'pipe' }) {
  const { hostname, port, username, password, pathname } = new URL(url)
  // A group of its own: whatever is left of it can be ended with it.
  const child = spawn('sh', ['-c', TIMED, 'sh', program, ...args], {
    detached: true,
    stdio: [stdin, stdout, 'pipe'],
    env: {
      ...process.env,
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
      PGSSLMODE: 'disable',
      PGGSSENCMODE: 'disable',
      LC_ALL: 'C',
    },
  })
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), patienceSeconds * 1000)
  let output = ''
  let said = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  const lines = said.trim().split('\n')
  if (signal !== null) throw new Error(`it was not done within ${Math.round(patienceSeconds)} s`)
  if (code !== 0) {
    const words = lines.slice(0, -2)
    throw new Error(
      words.find((line) => /error|fatal/i.test(line)) ?? words.at(-1) ?? `it ended with ${code}`,
    )
  }
  return { output, cpuSeconds: readTimes(lines.at(-1)) }
}

/** `0m1.25s 0m0.5s`: as a user and in the kernel. */
function readTimes(line) {
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  )
}
