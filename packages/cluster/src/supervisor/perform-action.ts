import { setTimeout as sleep } from 'node:timers/promises'
import { type AckRule, type Action, newReign } from '@pgherd/core/failover'
import {
  killAllProcesses,
  launchServer,
  markStandby,
  type RunningServer,
  type ServerAddress,
  type ServerSettings,
  signalServer,
  waitReady,
  writeSettings,
} from '../postgres/index.js'
import { syncDirectory } from '../postgres/sync-directory.js'
import { withAdminConnection } from '../replication/admin-connection.js'
import { cloneStandby } from '../replication/clone-standby.js'
import { createDataDirectory } from '../replication/create-primary.js'
import { drainPrimary } from '../replication/drain-primary.js'
import { nodeSettings } from '../replication/node-settings.js'
import { forgetUnusedSkips, promoteStandby } from '../replication/promote-standby.js'
import { rewindStandby } from '../replication/rewind-standby.js'
import { setSlots } from '../replication/slots.js'
import { overriddenSettings, removeSettings, resetSettings } from '../replication/take-back-settings.js'
import { type GroupContext, nodeNamed } from './group-context.js'
import type { ManagedNode } from './managed-node.js'
import { populateWithTemplatePassword } from './populate-primary.js'

type ActionOf<Kind extends Action['kind']> = Extract<Action, { kind: Kind }>
type Perform = { [Kind in Action['kind']]: (context: GroupContext, action: ActionOf<Kind>) => Promise<void> }

/** Longer than a reloading process takes to notice (it is signalled; a busy machine may delay it). */
const RELOAD_SETTLES_MS = 100
/** A promotion is asked for again if nothing has come of it by then. */
const PROMOTE_AGAIN_MS = 500
const SLOTS_TIMEOUT_MS = 2000
const RESET_TIMEOUT_MS = 2000

/** Carries out one action. Each may be cut off at any point and done again. */
export async function performAction(context: GroupContext, action: Action): Promise<void> {
  await (PERFORM[action.kind] as (context: GroupContext, action: Action) => Promise<void>)(context, action)
}

const PERFORM: Perform = {
  async create(context, { node }) {
    const { paths } = nodeNamed(context, node).node
    await createDataDirectory(
      paths,
      context.systemIdentifier,
      context.spec.host,
      context.binaries,
      context.user,
    )
  },

  async start(context, action) {
    const node = nodeNamed(context, action.node)
    await killAllProcesses(node.node.server)
    await forgetUnusedSkips(node.node.paths.data)
    await configure(context, node, action.rule, action.upstream)
    const running = await launchServer(node.node.server, context.binaries, context.user)
    if (context.memory().phase === 'forming') {
      await finishForming(context, node, running).catch(async (error: unknown) => {
        await killAllProcesses(node.node.server)
        throw error
      })
    }
    node.watch(running)
  },

  async fence(context, action) {
    const node = nodeNamed(context, action.node)
    node.stopping = true
    await killAllProcesses(node.node.server)
    // Before its data says that it is fenced: what standbys answered until now does not count.
    node.noteGone()
    await markStandby(node.node.paths.data, context.user)
    for (const other of context.nodes.values()) other.probe(false)
  },

  async promote(context, action) {
    const { node, running, record } = nodeNamed(context, action.node)
    if (running === null || record.answer === null) return
    const timelines = { own: record.answer.timeline, wanted: action.timeline }
    await promoteStandby(node.server, running, context.user, timelines)
    await sleep(PROMOTE_AGAIN_MS)
  },

  async clone(context, action) {
    const node = nodeNamed(context, action.node)
    const primary = nodeNamed(context, action.from)
    node.stopping = true
    await killAllProcesses(node.node.server)
    node.noteGone()
    await haveSlots(context, primary)
    const settings = settingsOf(
      context,
      node,
      newReign(context.settings, node.name).rules[0] as AckRule,
      action.from,
    )
    const rewound = !action.keep && (await tryRewind(context, node, primary, settings))
    if (rewound) return
    const kept = await cloneStandby({
      primary: primary.node.server,
      superuserPassword: context.secrets.superuser,
      paths: node.node.paths,
      name: node.name,
      settings,
      user: context.user,
      keep: action.keep,
      onProgress: (copied) => {
        node.copied = copied
      },
      signal: node.ended,
    }).finally(() => {
      node.copied = null
    })
    if (kept !== null)
      context.tell('data-kept', node.name, `The old data of ${node.name} is kept in ${kept}.`)
  },

  async follow(context, action) {
    const node = nodeNamed(context, action.node)
    await configure(context, node, newReign(context.settings, node.name).rules[0] as AckRule, action.upstream)
    reload(node)
  },

  async slots(context, action) {
    const node = nodeNamed(context, action.node)
    await withAdminConnection(
      node.node.server.address,
      context.secrets.superuser,
      SLOTS_TIMEOUT_MS,
      (client) => setSlots(client, action.slots, [...context.nodes.keys()]),
    )
    node.probe(false)
  },

  async acknowledge(context, action) {
    const node = nodeNamed(context, action.node)
    await node.whileRuleChanges(async () => {
      await configure(context, node, action.rule, null)
      reload(node)
      await sleep(RELOAD_SETTLES_MS)
    })
  },

  async drain(context, action) {
    const node = nodeNamed(context, action.node)
    if (node.running === null) return
    node.stopping = true
    await drainPrimary(node.node.server, node.running, context.secrets.superuser)
  },
}

/** What was copied reaches the disk while the server starts; it is announced only after that. */
async function finishForming(
  context: GroupContext,
  node: ManagedNode,
  running: RunningServer,
): Promise<void> {
  const flushed = syncDirectory(node.node.paths.data)
  // Where the server does not come up its data is taken away under this, and that failure is the one to tell.
  flushed.catch(() => {})
  await waitReady(node.node.server, running, 60_000)
  await populateWithTemplatePassword(context, node)
  await flushed
}

async function configure(
  context: GroupContext,
  node: ManagedNode,
  rule: AckRule,
  upstream: string | null,
): Promise<void> {
  await writeSettings(node.node.paths.data, settingsOf(context, node, rule, upstream), context.user)
  await takeBackSettings(context, node)
}

/** What a person changed with ALTER SYSTEM would win over our file. */
async function takeBackSettings(context: GroupContext, node: ManagedNode): Promise<void> {
  const { data } = node.node.paths
  const names = await overriddenSettings(data)
  if (names.length === 0) return
  if (node.running === null) {
    await removeSettings(data)
  } else {
    await withAdminConnection(
      node.node.server.address,
      context.secrets.superuser,
      RESET_TIMEOUT_MS,
      (client) => resetSettings(client, names),
    )
  }
  context.tell(
    'settings-taken-back',
    node.name,
    `${names.join(', ')} was changed with ALTER SYSTEM on ${node.name}: pgherd decides it and has put its own value back.`,
  )
}

function settingsOf(
  context: GroupContext,
  node: ManagedNode,
  rule: AckRule,
  upstream: string | null,
): ServerSettings {
  return nodeSettings({
    name: node.name,
    spec: context.spec,
    rule,
    upstream: upstream === null ? null : addressOf(context, upstream),
    replicationPassword: context.secrets.replication,
    groupSize:
      context.spec.groups.find(({ name }) => name === context.settings.name)?.nodes ??
      context.settings.nodes.length,
  })
}

function addressOf(context: GroupContext, name: string): ServerAddress {
  return nodeNamed(context, name).node.server.address
}

function reload(node: ManagedNode): void {
  if (node.running !== null) signalServer(node.running, 'reload')
}

async function haveSlots(context: GroupContext, primary: ManagedNode): Promise<void> {
  const others = context.settings.nodes.filter((name) => name !== primary.name)
  await withAdminConnection(
    primary.node.server.address,
    context.secrets.superuser,
    SLOTS_TIMEOUT_MS,
    (client) => setSlots(client, others, [...context.nodes.keys()]),
  )
}

async function tryRewind(
  context: GroupContext,
  node: ManagedNode,
  primary: ManagedNode,
  settings: ServerSettings,
): Promise<boolean> {
  if (context.binaries.pgRewind === null) return false
  if ((await node.observe({ hangAfterMs: 0 })).disk === 'absent') return false
  try {
    await rewindStandby({
      pgRewind: context.binaries.pgRewind,
      primary: primary.node.server,
      superuserPassword: context.secrets.superuser,
      paths: node.node.paths,
      settings,
      user: context.user,
    })
    context.tell(
      'standby-rewound',
      node.name,
      `${node.name} was taken back to where ${primary.name} took over.`,
    )
    return true
  } catch (error) {
    const [line] = String((error as { stderr?: unknown }).stderr ?? error)
      .trim()
      .split('\n')
      .slice(-1)
    context.tell(
      'rewind-failed',
      node.name,
      `pg_rewind could not bring ${node.name} back (${line}); copying it anew.`,
    )
    return false
  }
}
