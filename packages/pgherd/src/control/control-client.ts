import { request } from 'node:http'
import type { HerdEvent, SupervisorRecord } from '@pgherd/cluster'
import { type ErrorCode, HerdError, type HerdStatus } from '@pgherd/core'
import type { Job, Problem } from '@pgherd/core/api'

const WAIT_MS = 30_000
const STEP_MS = 200

/** Speaks to a running supervisor over its socket, on which the control API is. Every method throws its HerdError. */
export class ControlClient {
  readonly #supervisor: SupervisorRecord

  constructor(supervisor: SupervisorRecord) {
    this.#supervisor = supervisor
  }

  /** Every node is asked first. */
  topology(): Promise<HerdStatus> {
    return this.#call('GET', '/v1/topology?fresh=true') as Promise<HerdStatus>
  }

  async events(last: number): Promise<HerdEvent[]> {
    return ((await this.#call('GET', `/v1/events?last=${last}`)) as { events: HerdEvent[] }).events
  }

  async failover(group: string, acceptLoss: boolean): Promise<HerdStatus> {
    await this.#run('POST', `/v1/groups/${encodeURIComponent(group)}/failover`, { acceptLoss })
    return this.topology()
  }

  async switchover(group: string, to: string | null): Promise<HerdStatus> {
    await this.#run('POST', `/v1/groups/${encodeURIComponent(group)}/switchover`, { to })
    return this.topology()
  }

  async chaos(node: string, action: 'kill' | 'pause' | 'resume'): Promise<HerdStatus> {
    await this.#run('POST', `/v1/nodes/${encodeURIComponent(node)}/chaos`, { action })
    return this.#call('GET', '/v1/topology') as Promise<HerdStatus>
  }

  /** Resolves to the job once the standbys count. */
  addNodes(group: string, count: number, onStep: (job: Job) => void): Promise<Job> {
    const path = `/v1/groups/${encodeURIComponent(group)}/nodes`
    return this.#run('POST', path, { count }, { pollMs: STEP_MS, onStep })
  }

  /** Resolves to the job once the node is gone. */
  removeNode(node: string, onStep: (job: Job) => void): Promise<Job> {
    const path = `/v1/nodes/${encodeURIComponent(node)}`
    return this.#run('DELETE', path, { confirm: node }, { pollMs: STEP_MS, onStep })
  }

  async stop(): Promise<void> {
    await this.#call('POST', '/v1/stop')
  }

  /** Begins a job and waits for its end; `onStep` hears how far it is. Throws what it ended with. */
  async #run(
    method: string,
    path: string,
    body: unknown,
    { pollMs = WAIT_MS, onStep }: { pollMs?: number; onStep?: (job: Job) => void } = {},
  ): Promise<Job> {
    let job = (await this.#call(method, path, body)) as Job
    while (job.state === 'running') {
      onStep?.(job)
      job = (await this.#call('GET', `/v1/jobs/${job.id}?waitMs=${pollMs}`)) as Job
    }
    if (job.error === null) return job
    const { code, message, hint } = job.error
    throw new HerdError(code as ErrorCode, message, hint === null ? {} : { hint })
  }

  #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const sent = body === undefined ? '' : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: this.#supervisor.socket,
          method,
          path,
          // Node sends the body of a DELETE without saying that there is one, unless it is told how long it is.
          headers: {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(sent)),
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', (cause) => reject(this.#unreachable(cause)))
          response.on('end', () => {
            const status = response.statusCode ?? 500
            try {
              const value = readAnswer(status, Buffer.concat(chunks).toString('utf8'))
              if (status < 300) resolve(value)
              else reject(asHerdError(value))
            } catch (error) {
              reject(error)
            }
          })
        },
      )
      call.on('error', (cause) => reject(this.#unreachable(cause)))
      call.end(sent)
    })
  }

  #unreachable(cause: Error): HerdError {
    const { pid, socket } = this.#supervisor
    const denied = (cause as NodeJS.ErrnoException).code === 'EACCES'
    return denied
      ? new HerdError('PERMISSION_DENIED', `The supervisor (process ${pid}) belongs to another user.`, {
          cause,
        })
      : new HerdError('HERD_NOT_RUNNING', `The supervisor (process ${pid}) does not answer on ${socket}.`, {
          cause,
        })
  }
}

/** `Request Header Fields Too Large`, which the path counts among. */
const TOO_LONG = 431

/** What is refused before it is read is refused without a body. */
function readAnswer(status: number, text: string): unknown {
  if (status === TOO_LONG) throw new HerdError('USAGE', 'What is named is too long for any group or node.')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new HerdError('OPERATION_FAILED', `The supervisor answered ${status}, and nothing to be read.`, {
      cause,
    })
  }
}

function asHerdError(value: unknown): HerdError {
  const { code, detail, hint } = value as Problem
  return new HerdError(code as ErrorCode, detail, hint === null ? {} : { hint })
}
