import { request } from 'node:http'
import type { HerdEvent, SupervisorRecord } from '@pgherd/cluster'
import { type ErrorCode, HerdError, type HerdStatus } from '@pgherd/core'

/** Speaks to a running supervisor over its socket. Every method throws the supervisor's HerdError. */
export class ControlClient {
  readonly #supervisor: SupervisorRecord

  constructor(supervisor: SupervisorRecord) {
    this.#supervisor = supervisor
  }

  topology(): Promise<HerdStatus> {
    return this.#call('GET', '/v1/topology') as Promise<HerdStatus>
  }

  events(last: number): Promise<HerdEvent[]> {
    return this.#call('GET', `/v1/events?last=${last}`) as Promise<HerdEvent[]>
  }

  failover(group: string, acceptLoss: boolean): Promise<HerdStatus> {
    return this.#call('POST', `/v1/groups/${encodeURIComponent(group)}/failover`, {
      acceptLoss,
    }) as Promise<HerdStatus>
  }

  switchover(group: string, to: string | null): Promise<HerdStatus> {
    return this.#call('POST', `/v1/groups/${encodeURIComponent(group)}/switchover`, {
      to,
    }) as Promise<HerdStatus>
  }

  chaos(node: string, action: 'kill' | 'pause' | 'resume'): Promise<HerdStatus> {
    return this.#call('POST', `/v1/nodes/${encodeURIComponent(node)}/chaos`, {
      action,
    }) as Promise<HerdStatus>
  }

  async stop(): Promise<void> {
    await this.#call('POST', '/v1/stop')
  }

  #call(method: string, path: string, body?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: this.#supervisor.socket,
          method,
          path,
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
            if (response.statusCode === 200) resolve(value)
            else reject(asHerdError(value))
          })
        },
      )
      call.on('error', (cause) => reject(this.#unreachable(cause)))
      call.end(body === undefined ? undefined : JSON.stringify(body))
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

function asHerdError(value: unknown): HerdError {
  const { code, message, hint } = value as { code: ErrorCode; message: string; hint?: string }
  return new HerdError(code, message, hint === undefined ? {} : { hint })
}
