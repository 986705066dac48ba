import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { z } from 'zod'
import type { ProxyKeeper } from '../proxy-process/proxy-keeper.js'
import { switchOver } from '../proxy-process/switch-over.js'

/** What the supervisor can be asked over its socket. The control API will offer the same routes over TCP. */
export interface ControlRoute {
  method: 'GET' | 'POST'
  /** A path with `:name` parts. */
  path: string
  handle: (request: ControlRequest) => Promise<unknown>
}

export interface ControlRequest {
  herd: Herd
  /** Null: nobody keeps a proxy for this herd. */
  keeper: ProxyKeeper | null
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  body: unknown
  /** Ends this supervisor once the answer is sent. */
  stop: (how: 'stop' | 'leave') => void
}

const FailoverBody = z.strictObject({ acceptLoss: z.boolean().default(false) })
const SwitchoverBody = z.strictObject({ to: z.string().nullable().default(null) })
const ChaosBody = z.strictObject({ action: z.enum(['kill', 'pause', 'resume']) })

export const CONTROL_ROUTES: readonly ControlRoute[] = [
  { method: 'GET', path: '/v1/topology', handle: ({ herd }) => herd.status() },
  {
    method: 'GET',
    path: '/v1/events',
    handle: async ({ herd, query }) => herd.events.recent(Number(query.get('last') ?? 50)),
  },
  {
    method: 'POST',
    path: '/v1/groups/:group/failover',
    handle: async ({ herd, params, body }) => {
      await herd.failover(params.group as string, parseBody(FailoverBody, body))
      return herd.status()
    },
  },
  {
    method: 'POST',
    path: '/v1/groups/:group/switchover',
    handle: async ({ herd, keeper, params, body }) => {
      await switchOver(herd, keeper, params.group as string, parseBody(SwitchoverBody, body).to)
      return herd.status()
    },
  },
  {
    method: 'POST',
    path: '/v1/nodes/:node/chaos',
    handle: async ({ herd, params, body }) => {
      await herd.disturb(params.node as string, parseBody(ChaosBody, body).action)
      return herd.status({ fresh: false })
    },
  },
  {
    method: 'POST',
    path: '/v1/stop',
    handle: async ({ stop }) => {
      stop('stop')
      return { stopping: true }
    },
  },
]

function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body ?? {})
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new HerdError(
    'USAGE',
    `The request is not understood: ${issue?.path.join('.') || 'body'}: ${issue?.message}.`,
  )
}
