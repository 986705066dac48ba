import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Herd, openHerd } from '@pgherd/cluster'
import type { Job, Problem } from '@pgherd/core/api'
import { parseSpec } from '@pgherd/core/spec'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, expect } from 'vitest'
import { ControlApi } from '../../src/api/control-api.js'

export const PATIENCE_MS = 60_000

let folder: string | null = null
const opened: { herd: Herd; api: ControlApi }[] = []

afterAll(async () => {
  for (const { herd, api } of opened.splice(0)) {
    await api.close()
    await herd.stop()
  }
  if (folder !== null) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

export interface ScratchApi {
  readonly herd: Herd
  readonly api: ControlApi
  readonly url: string
  readonly stateDir: string
}

/** A herd on free ports with its control API; stopped after the tests of the file. `yaml` is added to its spec. */
export async function scratchApi(
  yaml = '',
  {
    stateDir = newStateDir(),
    page = null,
    onStop = () => {},
  }: { stateDir?: string; page?: string | null; onStop?: () => void } = {},
): Promise<ScratchApi> {
  const spec = parseSpec(
    `name: scratch\nport: auto\nproxy: false\npostgres: { settings: { shared_buffers: 16MB } }\n${yaml}`,
    'test',
  )
  const herd = await openHerd({ spec, stateDir, api: true })
  const api = await ControlApi.listen(herd, onStop, null, page)
  opened.push({ herd, api })
  await herd.whenWhole(PATIENCE_MS)
  return { herd, api, url: herd.api?.url ?? 'none', stateDir }
}

/** As a supervisor ends that is killed: the servers run on. */
export async function abandon({ herd, api }: ScratchApi): Promise<void> {
  opened.splice(
    opened.findIndex((each) => each.api === api),
    1,
  )
  await api.close()
  await herd.leave()
}

export function newStateDir(): string {
  if (folder === null) {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'pgherd-api-')))
    chmodSync(folder, 0o711)
    process.env.PGHERD_DATA = join(folder, 'data')
  }
  return mkdtempSync(join(folder, 'state-'))
}

export interface Answer<Body = unknown> {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: Body
}

export interface Asking {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

/** `fetch` sends no Host and Origin of one's choice; this does. */
export function ask<Body = unknown>(
  url: string,
  { method, headers = {}, body }: Asking = {},
): Promise<Answer<Body>> {
  const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const isJson = /json/.test(response.headers['content-type'] ?? '')
          const status = response.statusCode ?? 0
          resolve({
            status,
            headers: response.headers,
            text,
            body: (isJson ? JSON.parse(text) : null) as Body,
          })
        })
      },
    )
    call.once('error', reject)
    call.end(sent)
  })
}

/** Holds answers against the API's own description of itself. */
export class Described {
  readonly #url: string
  readonly #paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  readonly #ajv: Ajv2020
  readonly seen = new Set<string>()

  private constructor(url: string, document: { paths: Described['paths'] }) {
    this.#url = url
    this.#paths = document.paths
    this.#ajv = new Ajv2020({ strict: false, validateFormats: false })
    this.#ajv.addSchema(document, 'api')
  }

  static async at(url: string): Promise<Described> {
    const { body } = await ask<{ openapi: string; paths: Described['paths'] }>(`${url}/openapi.json`)
    expect(body.openapi).toMatch(/^3\.1/)
    return new Described(url, body)
  }

  get paths(): Record<string, Record<string, { responses: Record<string, unknown> }>> {
    return this.#paths
  }

  /** Asks, and fails unless the answer is what is promised. `template`: the path as the document has it. */
  async ask<Body = unknown>(template: string, path: string, asking: Asking = {}): Promise<Answer<Body>> {
    const answer = await ask<Body>(this.#url + path, asking)
    const method = (asking.method ?? (asking.body === undefined ? 'GET' : 'POST')).toLowerCase()
    const responses = this.#paths[template]?.[method]?.responses ?? {}
    const status = String(answer.status)
    const key = status in responses ? status : `${status[0]}XX`
    expect(Object.keys(responses), `${method} ${template} answered ${status}: ${answer.text}`).toContain(key)
    const at = ['paths', template, method, 'responses', key, 'content', 'application/json', 'schema']
    const pointer = at
      .map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/')
    const validate = this.#ajv.getSchema(`api#/${pointer}`)
    expect(validate, `${method} ${template} describes ${key}`).toBeDefined()
    expect(validate?.(answer.body), `${JSON.stringify(validate?.errors)} in ${answer.text}`).toBe(true)
    this.seen.add(`${method} ${template} ${key}`)
    return answer
  }

  /** The problem that this is refused with. */
  async refused(template: string, path: string, asking: Asking = {}): Promise<Problem> {
    const answer = await this.ask<Problem>(template, path, asking)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.body.status).toBe(answer.status)
    return answer.body
  }

  /** Waits for the end of a job. */
  async ended(job: Job): Promise<Job> {
    const { body } = await this.ask<Job>('/v1/jobs/{id}', `/v1/jobs/${job.id}?waitMs=30000`)
    return body
  }
}

/** Reads an event stream; what comes is kept, parsed. */
export class StreamReader {
  readonly messages: { id: number | null; kind: string; data: unknown; atMs: number }[] = []
  readonly #call: ReturnType<typeof request>
  ended = false

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#call = request(url, { headers: { accept: 'text/event-stream', ...headers } }, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n\n')
        rest = parts.pop() ?? ''
        for (const part of parts) this.#read(part)
      })
      response.once('close', () => {
        this.ended = true
      })
    })
    this.#call.on('error', () => {
      this.ended = true
    })
    this.#call.end()
  }

  #read(part: string): void {
    const field = (name: string): string | null => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? null
    const [kind, data, id] = [field('event'), field('data'), field('id')]
    if (kind === null || data === null) return
    this.messages.push({
      id: id === null ? null : Number(id),
      kind,
      data: JSON.parse(data),
      atMs: performance.now(),
    })
  }

  of(kind: string): { id: number | null; data: unknown; atMs: number }[] {
    return this.messages.filter((message) => message.kind === kind)
  }

  close(): void {
    this.#call.destroy()
  }
}

/** Resolves when `holds` does; fails with `what` when it does not in time. */
export async function until<T>(what: string, holds: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await holds()
    if (found) return found as NonNullable<T>
    if (performance.now() > deadline) throw new Error(`Waited ${PATIENCE_MS} ms in vain until ${what}`)
    await sleep(10)
  }
}
