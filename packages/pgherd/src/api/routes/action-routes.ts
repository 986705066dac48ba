import {
  AddNodeRequest,
  ChaosRequest,
  FailoverRequest,
  type Job,
  JobSchema,
  RemoveNodeRequest,
  SwitchoverRequest,
} from '@pgherd/core/api'
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiParts } from '../api-parts.js'
import { rateLimit } from './limits.js'
import { PROBLEMS } from './problems.js'

const OfGroup = z.strictObject({ group: z.string() })
const OfNode = z.strictObject({ node: z.string() })
const ANSWERS = { 202: JobSchema, ...PROBLEMS }

/** What changes the herd: each is begun as a job. */
export function actionRoutes({ actions }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    const limit = rateLimit(20, '10 seconds')
    api.post(
      '/v1/groups/:group/failover',
      {
        config: { ...limit, action: 'failover' },
        schema: {
          summary: 'Set the primary aside and let a standby take over',
          tags: ['actions'],
          params: OfGroup,
          body: FailoverRequest,
          response: ANSWERS,
        },
      },
      ({ params, body }, reply) => begun(reply, actions.failover(params.group, body.acceptLoss)),
    )
    api.post(
      '/v1/groups/:group/switchover',
      {
        config: { ...limit, action: 'switchover' },
        schema: {
          summary: 'Hand primaryship over in order',
          tags: ['actions'],
          params: OfGroup,
          body: SwitchoverRequest,
          response: ANSWERS,
        },
      },
      ({ params, body }, reply) => begun(reply, actions.switchover(params.group, body.to)),
    )
    api.post(
      '/v1/nodes/:node/chaos',
      {
        config: { ...limit, action: 'chaos' },
        schema: {
          summary: 'Disturb a node, to see what happens',
          tags: ['actions'],
          params: OfNode,
          body: ChaosRequest,
          response: ANSWERS,
        },
      },
      ({ params, body }, reply) => begun(reply, actions.disturb(params.node, body.action)),
    )
    api.post(
      '/v1/groups/:group/nodes',
      {
        config: { ...limit, action: 'add-node' },
        schema: {
          summary: 'Add standbys to a group',
          tags: ['actions'],
          params: OfGroup,
          body: AddNodeRequest,
          response: ANSWERS,
        },
      },
      ({ params, body }, reply) => begun(reply, actions.addNodes(params.group, body.count)),
    )
    api.delete(
      '/v1/nodes/:node',
      {
        config: { ...limit, action: 'remove-node' },
        schema: {
          summary: 'Remove a standby, and delete its copy of the data',
          tags: ['actions'],
          params: OfNode,
          body: RemoveNodeRequest,
          response: ANSWERS,
        },
      },
      ({ params, body }, reply) => begun(reply, actions.removeNode(params.node, body.confirm)),
    )
    api.post(
      '/v1/stop',
      {
        config: { ...limit, action: 'stop' },
        schema: { summary: 'Stop the herd; its data stays', tags: ['actions'], response: ANSWERS },
      },
      (_, reply) => begun(reply, actions.stop()),
    )
  }
}

function begun(reply: Pick<FastifyReply, 'code' | 'header'>, job: Job): Job {
  reply.code(202)
  reply.header('location', `/v1/jobs/${job.id}`)
  return job
}
