import { execFile, execFileSync } from 'node:child_process'

/** Whether a program is there; says why not, for the tests that are skipped without it. */
export function isInstalled(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    console.log(`Skipped, because it is not installed: ${[program, ...args].join(' ')}`)
    return false
  }
}

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** Runs a program to its end, which must come within a minute. */
export function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  input = '',
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
      (error, out, errors) => {
        if (error !== null && typeof error.code !== 'number') reject(error)
        else resolve({ code: error === null ? 0 : (error.code as number), out, error: errors })
      },
    )
    child.stdin?.end(input)
  })
}

/** What libpq reads of a connection string. */
export function libpqEnv({ hostname, port, username, password, pathname }: URL): Record<string, string> {
  return {
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGCONNECT_TIMEOUT: '10',
    PSQLRC: '/dev/null',
  }
}
