import { type ErrorCode, HerdError } from '@pgherd/core'
import type { Server } from './server-place.js'

interface Pattern {
  matches: RegExp
  code: ErrorCode
  say: (server: Server, match: RegExpExecArray) => { message: string; hint: string }
}

/** Most telling first: PostgreSQL often names a cause and then, on later lines, its consequences. */
const PATTERNS: readonly Pattern[] = [
  {
    matches: /pre-existing shared memory block/,
    code: 'SERVER_START_FAILED',
    say: (server) => ({
      message: `${server.name} did not start: processes of its previous run are still alive in ${server.dataDir}.`,
      hint: 'End those processes and start it again.',
    }),
  },
  {
    matches:
      /could not (?:map anonymous shared memory|resize shared memory segment|create shared memory segment|create semaphores)[^\n]*|shmget\([^\n]*/,
    code: 'NO_SHARED_MEMORY',
    say: (server, match) => ({
      message: `${server.name} did not start: the system gave PostgreSQL no shared memory (${match[0].trim()}).`,
      hint: 'Lower shared_buffers in the spec, or give the machine or container more memory (Docker: --shm-size) or segments (kernel.shmmni; `ipcs -m` lists those in use).',
    }),
  },
  // Of shared memory too the system says that there is no space left.
  {
    matches: /No space left on device/,
    code: 'NO_SPACE',
    say: (server) => ({
      message: `${server.name} did not start: the file system of ${server.dataDir} has no space left.`,
      hint: 'Free some space and start it again.',
    }),
  },
  {
    matches: /Address already in use/,
    code: 'PORT_TAKEN',
    say: (server) => ({
      message: `${server.name} did not start: port ${server.address.port} on ${server.address.host} is in use by another program.`,
      hint: 'Stop that program, or give the node another port.',
    }),
  },
  {
    matches: /Cannot assign requested address|Can't assign requested address/,
    code: 'SPEC_INVALID',
    say: (server) => ({
      message: `${server.name} did not start: ${server.address.host} is not an address of this machine.`,
      hint: 'Use an address of this machine, such as 127.0.0.1.',
    }),
  },
  {
    matches: /could not translate host name "([^"]*)"/,
    code: 'SPEC_INVALID',
    say: (server, match) => ({
      message: `${server.name} did not start: the host name ${match[1]} is not known.`,
      hint: 'Use an address of this machine, such as 127.0.0.1.',
    }),
  },
  {
    matches: /database files are incompatible with server/,
    code: 'DATA_DIRECTORY_VERSION',
    say: (server) => ({
      message: `${server.name} did not start: ${server.dataDir} was made by another version of PostgreSQL.`,
      hint: 'Set postgres.version to the version that made it.',
    }),
  },
  {
    matches: /unrecognized configuration parameter "([^"]+)"/,
    code: 'SPEC_INVALID',
    say: (server, match) => ({
      message: `${server.name} did not start: PostgreSQL has no setting called ${match[1]}.`,
      hint: `Correct or remove ${match[1]} under postgres.settings.`,
    }),
  },
  {
    matches:
      /(?:invalid value for parameter|parameter) "([^"]+)"(?:: ("[^\n]*)| requires [^\n]*| cannot [^\n]*)/,
    code: 'SPEC_INVALID',
    say: (server, match) => ({
      message: `${server.name} did not start: the setting ${match[1]} has a value PostgreSQL refuses (${match[0].trim()}).`,
      hint: `Correct ${match[1]} under postgres.settings.`,
    }),
  },
  {
    matches: /[^\n]* is outside the valid range for parameter "([^"]+)" [^\n]*/,
    code: 'SPEC_INVALID',
    say: (server, match) => ({
      message: `${server.name} did not start: the setting ${match[1]} is out of range (${textOf(match[0])}).`,
      hint: `Correct ${match[1]} under postgres.settings.`,
    }),
  },
  {
    matches: /syntax error in file "([^"]+)" line (\d+)/,
    code: 'SPEC_INVALID',
    say: (server, match) => ({
      message: `${server.name} did not start: ${match[1]} has a mistake in line ${match[2]}.`,
      hint: 'Correct that line.',
    }),
  },
  {
    matches: /could not access file "([^"]+)": No such file/,
    code: 'SPEC_INVALID',
    say: (server, match) => ({
      message: `${server.name} did not start: the library ${match[1]} is not part of this PostgreSQL.`,
      hint: 'Remove it from shared_preload_libraries, or use a PostgreSQL that has it (postgres.bin).',
    }),
  },
  {
    matches: /lock file "postmaster\.pid" already exists[\s\S]*?\(PID (\d+)\)/,
    code: 'SERVER_START_FAILED',
    say: (server, match) => ({
      message: `${server.name} did not start: another PostgreSQL (process ${match[1]}) already serves ${server.dataDir}.`,
      hint: `Stop process ${match[1]} and start it again.`,
    }),
  },
  {
    matches: /[^\n]*(?:Permission denied|has invalid permissions|has wrong ownership)[^\n]*/,
    code: 'PERMISSION_DENIED',
    say: (server, match) => ({
      message: `${server.name} did not start: the operating system refused access (${textOf(match[0])}).`,
      hint: 'Let the account that runs PostgreSQL own the data directory and reach every folder above it.',
    }),
  },
]

/** Turns what a server said before it gave up into one sentence with a code. Pure. */
export function classifyStartFailure(logTail: string, server: Server): HerdError {
  for (const { matches, code, say } of PATTERNS) {
    const match = matches.exec(logTail)
    if (!match) continue
    const { message, hint } = say(server, match)
    return new HerdError(code, message, { hint })
  }
  const lines = logTail.split('\n').filter((line) => line.trim() !== '')
  const last = lines.findLast((line) => /\b(?:FATAL|PANIC):/.test(line)) ?? lines.at(-1)
  return new HerdError(
    'SERVER_START_FAILED',
    last
      ? `${server.name} did not start: ${textOf(last)}.`
      : `${server.name} did not start and said nothing.`,
    server.logFile ? { hint: `Read ${server.logFile}.` } : {},
  )
}

/** A log line without its time stamp, process id and severity, and without the closing full stop. */
function textOf(line: string): string {
  return line
    .replace(/^.*?\b(?:FATAL|PANIC|ERROR|LOG|WARNING|error): +/, '')
    .trim()
    .replace(/\.$/, '')
}
