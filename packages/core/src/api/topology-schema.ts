import { z } from 'zod'
import type { GroupStatus, HerdStatus, NodeStatus } from '../topology.js'

const Address = z.strictObject({ host: z.string(), port: z.int() })

export const NodeStatusSchema: z.ZodType<NodeStatus> = z
  .strictObject({
    name: z.string(),
    role: z.enum(['primary', 'standby', 'none']),
    state: z.enum(['running', 'starting', 'copying', 'hung', 'paused', 'stopped', 'absent']),
    host: z.string(),
    port: z.int(),
    pid: z.int().nullable(),
    lsn: z.string().nullable().describe('End of WAL written (primary) or replayed (standby)'),
    lagBytes: z.number().nullable(),
    lagMs: z.number().nullable(),
    sync: z.string().nullable().describe("PostgreSQL's sync_state on the primary"),
  })
  .meta({ id: 'Node' })

export const GroupStatusSchema: z.ZodType<GroupStatus> = z
  .strictObject({
    name: z.string(),
    epoch: z.int(),
    phase: z.string().describe('What the group is in the middle of; steady when nothing'),
    durability: z.string(),
    stalled: z.string().nullable().describe('Why commits wait just now'),
    blocked: z.string().nullable().describe('Why nobody may take over'),
    nodes: z.array(NodeStatusSchema),
  })
  .meta({ id: 'Group' })

/** The topology, as `pgherd status --json` prints it. */
export const TopologySchema: z.ZodType<HerdStatus> = z
  .strictObject({
    name: z.string(),
    epoch: z.int().describe('Grows whenever who may write changes, in any group'),
    groups: z.array(GroupStatusSchema),
    proxy: Address.nullable(),
    api: z.strictObject({ url: z.string() }).nullable(),
  })
  .meta({ id: 'Topology' })
