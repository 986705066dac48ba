import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { HerdSpec } from '@pgherd/core/spec'
import { ChangeSignal } from './change-signal.js'
import {
  chooseApiPort,
  choosePorts,
  chooseProxyPort,
  keepOrChangePorts,
  refuseTakenPorts,
} from './choose-ports.js'
import { Herd } from './herd.js'
import { nodesOf } from './herd-nodes.js'
import { HerdMembership } from './membership/herd-membership.js'
import { whenUnused } from './membership/when-unused.js'
import {
  type Binaries,
  chooseServerUser,
  findBinaries,
  inspectDataDirectory,
  type ServerUser,
} from './postgres/index.js'
import { newSystemIdentifier } from './postgres/pg-control.js'
import { findFreePorts, isPortFree } from './postgres/ports.js'
import { findServerProcesses } from './postgres/server-processes.js'
import { recoverReplaced } from './replication/replace-folder.js'
import { HerdWideKeeper } from './sharding/herd-wide-keeper.js'
import { PlacementKeeper } from './sharding/placement-keeper.js'
import { makePrivateFolder } from './state/durable-file.js'
import { EventLog } from './state/event-log.js'
import {
  type HerdIdentity,
  membersOf,
  readIdentity,
  readOrMakeSecrets,
  type Secrets,
  writeIdentity,
} from './state/herd-identity.js'
import { type HerdPaths, herdPaths } from './state/herd-paths.js'
import { refuseChangedSpec } from './state/refuse-changed-spec.js'
import { releaseLock, type SupervisorRecord, takeLock } from './state/supervisor-lock.js'
import { GroupSupervisor } from './supervisor/group-supervisor.js'
import type { Node } from './supervisor/node.js'

export interface HerdOptions {
  spec: HerdSpec
  /** The folder that holds `NAME/`, usually `.pgherd` beside the spec. */
  stateDir: string
  /** The first port, or free ones, for this herd in place of what the spec says. */
  port?: number | 'auto'
  /**
   * Somebody will run the proxy that the spec asks for: its port is chosen with those of the nodes. `runs`:
   * one that an earlier supervisor started serves already.
   */
  proxy?: { readonly runs: boolean }
  /** Somebody will serve the control API that the spec asks for. */
  api?: boolean
}

/**
 * Creates the herd the spec describes, or carries on with the one that is on disk, adopting servers
 * that run. Resolves as soon as it is supervised; `Herd.whenWhole` tells when every node serves.
 *
 * Throws NOT_SUPPORTED, HERD_ALREADY_RUNNING, SPEC_CHANGED, BINARIES_MISSING, PORT_TAKEN,
 * PERMISSION_DENIED, NO_SPACE, DATA_DIRECTORY_VERSION, DATA_DIRECTORY_FOREIGN, STATE_UNREADABLE.
 */
export async function openHerd({ spec, stateDir, port, proxy, api = false }: HerdOptions): Promise<Herd> {
  const paths = herdPaths(stateDir, spec.name)
  await makePrivateFolder(paths.root)
  const lock = takeLock(paths.lock, paths.socket)
  try {
    const user = chooseServerUser()
    const binaries = await findBinaries(spec.postgres, user)
    const identity = await establishIdentity(paths, spec, user, { port, proxy, api })
    const secrets = await readOrMakeSecrets(paths.secrets)
    const events = new EventLog(paths.events)
    await events.open()
    const nodes = nodesOf(identity)
    await prepareNodes(nodes, binaries, identity.joining ?? [])
    const { herd, groups, keeper, wide, membership } = assemble({
      paths,
      identity,
      secrets,
      events,
      lock,
      nodes,
      binaries,
      user,
    })
    for (const group of groups) await group.open()
    keeper?.start()
    wide?.start()
    membership.resume()
    return herd
  } catch (error) {
    releaseLock(paths.lock, lock)
    throw error
  }
}

interface Parts {
  paths: HerdPaths
  identity: HerdIdentity
  secrets: Secrets
  events: EventLog
  lock: SupervisorRecord
  nodes: readonly Node[]
  binaries: Binaries
  user: ServerUser | null
}

function assemble({ paths, identity, secrets, events, lock, nodes, binaries, user }: Parts): {
  herd: Herd
  groups: GroupSupervisor[]
  keeper: PlacementKeeper | null
  wide: HerdWideKeeper | null
  membership: HerdMembership
} {
  const { spec } = identity
  const changes = new ChangeSignal()
  const groups = spec.groups.map(
    (group) =>
      new GroupSupervisor({
        context: {
          spec,
          settings: {
            name: group.name,
            nodes: membersOf(identity, group),
            leaving: (identity.leaving ?? []).filter((name) => membersOf(identity, group).includes(name)),
            durability: group.durability,
            withoutStandby: group.withoutStandby,
          },
          systemIdentifier: BigInt(identity.systemIdentifiers[group.name] ?? 0),
          secrets,
          binaries,
          user,
        },
        nodes: nodes.filter((node) => node.group === group.name),
        memoryFile: paths.group(group.name),
        probes: spec.probes,
        tell: (kind, node, message, cause) =>
          events.add({ at: new Date().toISOString(), kind, group: group.name, node, message, cause }),
        onChange: () => changes.fire(),
      }),
  )
  const { proxyPort, apiPort } = identity
  const proxyAddress =
    spec.proxy === false || proxyPort === undefined ? null : { host: spec.proxy.host, port: proxyPort }
  const apiAddress =
    spec.api === false || apiPort === undefined ? null : { host: spec.api.host, port: apiPort }
  const { sharding } = spec
  const tell = (kind: string, group: string | null, message: string): void =>
    events.add({ at: new Date().toISOString(), kind, group, node: null, message })
  const keeper =
    sharding === undefined ? null : new PlacementKeeper({ spec, sharding, secrets, groups, changes, tell })
  const wide =
    sharding === undefined || keeper === null
      ? null
      : new HerdWideKeeper({ spec, sharding, secrets, groups, changes, placement: keeper, tell })
  const membership = new HerdMembership({
    paths,
    identity,
    groups,
    changes,
    tell: (kind, group, node, message) =>
      events.add({ at: new Date().toISOString(), kind, group, node, message }),
    onChange: () => {
      keeper?.groupsChanged()
      wide?.groupsChanged()
      changes.fire()
    },
    whenUnused: ({ server }) => whenUnused(server.address, secrets.superuser),
  })
  const herd = new Herd({
    paths,
    spec,
    events,
    secrets,
    lock,
    groups,
    keeper,
    wide,
    changes,
    membership,
    proxyAddress,
    apiAddress,
  })
  return { herd, groups, keeper, wide, membership }
}

async function establishIdentity(
  paths: HerdPaths,
  wanted: HerdSpec,
  user: ServerUser | null,
  { port, proxy, api }: { port: HerdOptions['port'] | undefined; proxy: HerdOptions['proxy']; api: boolean },
): Promise<HerdIdentity> {
  const known = await readIdentity(paths.identity)
  if (known !== null) {
    refuseChangedSpec(known, wanted)
    // How many nodes a group began with stays on record: settings that all of its nodes share follow from it.
    const spec = {
      ...wanted,
      groups: wanted.groups.map((group, at) => ({
        ...group,
        nodes: known.spec.groups[at]?.nodes ?? group.nodes,
      })),
    }
    const ports = await keepOrChangePorts(known, spec, port)
    const kept = { ...known, spec, ports, ...(await proxyPortOf(known, spec, ports, port, proxy)) }
    const updated = { ...kept, ...(await apiPortOf(known, kept, port, api)) }
    if (JSON.stringify(updated) !== JSON.stringify(known)) await writeIdentity(paths.identity, updated)
    await linkNodes(paths, updated)
    return updated
  }
  const spec = wanted
  const now = Date.now()
  const ports = await choosePorts(spec, port ?? spec.port)
  const identity: HerdIdentity = {
    format: 1,
    spec,
    createdAt: new Date(now).toISOString(),
    dataRoot: user === null ? join(paths.root, 'nodes') : foreignDataRoot(spec.name),
    serverUser: user?.name ?? null,
    systemIdentifiers: Object.fromEntries(
      spec.groups.map((group, index) => [
        group.name,
        String(newSystemIdentifier(now + index, Math.random())),
      ]),
    ),
    ports,
    ...(await proxyPortOf(null, spec, ports, port, proxy)),
  }
  const complete = { ...identity, ...(await apiPortOf(null, identity, port, api)) }
  await writeIdentity(paths.identity, complete)
  await linkNodes(paths, complete)
  return complete
}

/**
 * A port that is taken is refused while nothing runs, as those of nodes are. Once servers run, supervising
 * them matters more: whoever starts the proxy says what keeps it from starting, and tries again.
 */
async function proxyPortOf(
  known: HerdIdentity | null,
  spec: HerdSpec,
  ports: Readonly<Record<string, number>>,
  override: number | 'auto' | undefined,
  proxy: HerdOptions['proxy'],
): Promise<{ proxyPort?: number }> {
  if (proxy === undefined) return {}
  const chosen = await chooseProxyPort(known, spec, ports, proxy.runs ? undefined : override)
  if (chosen === undefined || spec.proxy === false) return {}
  const serves =
    known !== null && nodesOf(known).some((node) => findServerProcesses(node.paths.data).postmaster !== null)
  const { host } = spec.proxy
  // A herd from before there was a proxy steps aside for whoever stands on the usual port.
  if (known !== null && known.proxyPort === undefined && !(await isPortFree(host, chosen)))
    return { proxyPort: await findFreePorts(host, 1, Math.max(...Object.values(ports)) + 1) }
  if (!serves && !proxy.runs)
    await refuseTakenPorts([{ name: 'the proxy', host, port: chosen, field: 'proxy.port' }])
  return { proxyPort: chosen }
}

/** A port that is taken keeps no herd from starting: whoever serves the API tells of it, and tries again. */
async function apiPortOf(
  known: HerdIdentity | null,
  { spec, ports, proxyPort }: HerdIdentity,
  override: number | 'auto' | undefined,
  isServed: boolean,
): Promise<{ apiPort?: number }> {
  if (!isServed) return {}
  const taken = [...Object.values(ports), ...(proxyPort === undefined ? [] : [proxyPort])]
  const chosen = await chooseApiPort(known, spec, taken, override)
  return chosen === undefined ? {} : { apiPort: chosen }
}

/**
 * As root the servers run as another user, who must reach their data, while the state folder is only
 * root's: the data is then in a new folder of its own, and `nodes` in the state folder leads there.
 */
function foreignDataRoot(name: string): string {
  return join(process.env.PGHERD_DATA ?? '/var/lib/pgherd', `${name}-${randomBytes(5).toString('hex')}`)
}

async function linkNodes(paths: HerdPaths, identity: HerdIdentity): Promise<void> {
  const { dataRoot } = identity
  // The folder above it is shared by all herds: anyone may pass, nobody may list.
  if (identity.serverUser !== null) await mkdir(dirname(dataRoot), { recursive: true, mode: 0o711 })
  await makePrivateFolder(dataRoot)
  if (identity.serverUser === null) return
  const user = chooseServerUser()
  if (user !== null) await chown(dataRoot, user.uid, user.gid)
  const link = join(paths.root, 'nodes')
  if (!existsSync(link)) {
    await rm(link, { force: true })
    await symlink(dataRoot, link)
  }
}

/**
 * Looks at every data directory and port before anything is started. One of `joining` that cannot be started is
 * taken back later, and keeps the herd from nothing.
 */
async function prepareNodes(
  nodes: readonly Node[],
  binaries: Binaries,
  joining: readonly string[],
): Promise<void> {
  const idle: Node[] = []
  for (const node of nodes) {
    await recoverReplaced(node.paths)
    await inspectDataDirectory(node.paths.data, binaries.major)
    if (joining.includes(node.name)) continue
    if (findServerProcesses(node.paths.data).postmaster === null) idle.push(node)
  }
  await refuseTakenPorts(idle.map((node) => ({ name: node.name, ...node.server.address })))
}
