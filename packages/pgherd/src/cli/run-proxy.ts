import { readFileSync } from 'node:fs'
import { HerdError } from '@pgherd/core'
import { type ProxyFile, parseProxyFile } from '@pgherd/core/spec'
import { type ProxyOptions, type ProxyOwner, type ServingProxy, startProxy } from '@pgherd/proxy'
import pc from 'picocolors'
import { readProxyTls } from '../proxy-process/read-proxy-tls.js'

/** What the command line says; it counts more than the file. */
export interface ProxyFlags {
  config?: string
  nodes?: string[]
  host?: string
  port?: number | 'auto'
  workers?: number | 'auto'
  maxClients?: number
  maxServers?: number
  lanes?: number
  adminUser?: string[]
  tlsCert?: string
  tlsKey?: string
  metrics?: { host: string; port: number }
  json?: boolean
}

/** Open transactions may go on for so long once the proxy is told to stop. */
const GRACE_MS = 30_000

/** Runs a proxy in this terminal until it is told to stop. Resolves to the exit code. */
export async function runProxy(flags: ProxyFlags): Promise<number> {
  const stopping = new StopSignals()
  const reload = async (): Promise<ProxyOptions> => proxyOptions(flags, process.env)
  const proxy = await start(await reload(), {
    reload,
    shutdown: () => stopping.ask(),
  })
  const tell = flags.json ? () => {} : (line: string) => console.log(line)
  proxy.on('event', ({ message }) => tell(message))
  process.on('SIGHUP', () => {
    proxy.reload().then(
      () => tell('Read the settings again; nobody was disconnected.'),
      (error: Error) => console.error(`The settings stay as they are: ${error.message}`),
    )
  })
  if (flags.json) console.log(JSON.stringify({ proxy: proxy.address, metrics: proxy.metricsAddress }))
  else for (const line of describe(proxy)) console.log(line)
  await stopping.asked
  tell(pc.dim(`Stopping: open transactions have ${GRACE_MS / 1000} s to end; another signal ends them now.`))
  void stopping.again.then(() => proxy.close())
  await proxy.stop({ graceMs: GRACE_MS })
  return 0
}

async function start(options: ProxyOptions, owner: ProxyOwner): Promise<ServingProxy> {
  try {
    return await startProxy(options, owner)
  } catch (error) {
    throw whyNotListening(error)
  }
}

function whyNotListening(cause: unknown): unknown {
  const { code, port, address } = cause as NodeJS.ErrnoException & { port?: number; address?: string }
  switch (code) {
    case 'EADDRINUSE':
      return new HerdError('PORT_TAKEN', `Port ${port} at ${address} is in use by another program.`, {
        hint: 'Stop it, or give another with --port; "--port auto" takes one that is free.',
        cause,
      })
    case 'EACCES':
      return new HerdError('PERMISSION_DENIED', `Port ${port} is not for this user.`, { cause })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new HerdError('OPTIONS_INVALID', `${address ?? 'The host'} is not an address of this machine.`, {
        cause,
      })
    default:
      return cause
  }
}

function describe(proxy: ServingProxy): string[] {
  const show = ({ host, port }: { host: string; port: number }): string =>
    `${host.includes(':') ? `[${host}]` : host}:${port}`
  const { metricsAddress } = proxy
  return [
    `${pc.green('The proxy listens')} at ${pc.bold(show(proxy.address))}`,
    ...Object.values(proxy.topology.nodes).map(({ name, role, state, why }) =>
      state === 'in'
        ? `  ${name}  ${role}`
        : `  ${name}  ${pc.yellow(`left out: ${why ?? 'not reached yet'}`)}`,
    ),
    ...(metricsAddress === null ? [] : [`Metrics and health: http://${show(metricsAddress)}/metrics`]),
  ]
}

/** Flags over file over defaults. Throws USAGE, SPEC_NOT_FOUND, SPEC_INVALID, OPTIONS_INVALID. */
export function proxyOptions(
  flags: ProxyFlags,
  env: Readonly<Record<string, string | undefined>>,
): ProxyOptions {
  const file = flags.config === undefined ? parseProxyFile('', 'defaults') : readFile(flags.config)
  const nodes = flags.nodes ?? file.nodes ?? env.PGHERD_NODES?.trim().split(/\s+/)
  if (nodes === undefined || nodes[0] === '') {
    throw new HerdError('USAGE', 'No node is named for the proxy to stand in front of.', {
      hint: 'Name them with --nodes URL…, as "nodes:" in a file given with --config, or in PGHERD_NODES.',
    })
  }
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
    throw new HerdError('USAGE', 'TLS needs both --tls-cert and --tls-key.')
  const port = flags.port ?? file.port
  const { maxClientsPerUser, maxClientsPerDatabase } = file
  return {
    nodes,
    host: flags.host ?? file.host,
    port: port === 'auto' ? 0 : port,
    workers: flags.workers ?? file.workers,
    maxClients: flags.maxClients ?? file.maxClients,
    maxClientsPerUser,
    maxClientsPerDatabase,
    maxServers: flags.maxServers ?? file.maxServers,
    lanes: { max: flags.lanes ?? file.lanes },
    adminUsers: flags.adminUser ?? file.adminUsers,
    ...readProxyTls(
      flags.tlsCert === undefined || flags.tlsKey === undefined
        ? file.tls
        : { cert: flags.tlsCert, key: flags.tlsKey, ca: null },
    ),
    metricsPort: flags.metrics?.port ?? file.metricsPort,
    ...(flags.metrics === undefined ? {} : { metricsHost: flags.metrics.host }),
  }
}

function readFile(path: string): ProxyFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new HerdError('SPEC_NOT_FOUND', `The file ${path} cannot be read (${code}).`, { cause })
  }
  return parseProxyFile(text, path)
}

/** The first signal asks to stop, the second to stop at once. */
class StopSignals {
  readonly asked: Promise<void>
  readonly again: Promise<void>
  #ask: () => void = () => {}
  #askAgain: () => void = () => {}
  #isAsked = false

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#ask = resolve
    })
    this.again = new Promise((resolve) => {
      this.#askAgain = resolve
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.ask())
  }

  ask(): void {
    if (this.#isAsked) this.#askAgain()
    this.#isAsked = true
    this.#ask()
  }
}
