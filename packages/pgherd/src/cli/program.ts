import { writeFileSync } from 'node:fs'
import { describeLeftHerd, type LeftHerd } from '@pgherd/cluster/on-disk'
import { HerdError, type HerdStatus } from '@pgherd/core'
import { Argument, Command, InvalidArgumentError } from 'commander'
import pc from 'picocolors'
import { renderStatus } from '../view/render-status.js'
import { addNode } from './add-node.js'
import { addShard } from './add-shard.js'
import { addToken } from './add-token.js'
import { examples } from './examples.js'
import {
  type LocationOptions,
  locateHerd,
  locateSpec,
  requireSupervisor,
  supervisorOf,
} from './herd-location.js'
import { located } from './located.js'
import type { DsnOptions } from './print-dsn.js'
import type { ProxyFlags } from './run-proxy.js'
import { version } from './version.js'

/** Every command of `pgherd`. Actions throw HerdError; whoever runs the program turns that into an exit code. */
export function buildProgram(): Command {
  const program = new Command('pgherd')
    .description('A replicated PostgreSQL cluster from one command, that survives losing its primary.')
    .version(version())
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', examples('pgherd up', 'pgherd status', 'pgherd chaos kill main-1', 'pgherd down'))
  addInit(program)
  addUp(program)
  addStatus(program)
  addDown(program)
  addDsn(program)
  addLogs(program)
  addSql(program)
  addFailover(program)
  addSwitchover(program)
  addChaos(program)
  addNode(program)
  addOpen(program)
  addToken(program)
  addProxy(program)
  addShard(program)
  addCompletion(program)
  return program
}

function addInit(program: Command): void {
  program
    .command('init')
    .summary('write a spec with comments')
    .description('Writes herd.yaml, a spec with every field explained, unless it is there already.')
    .argument('[name]', 'name of the herd', 'herd')
    .option('--file <path>', 'where to write it', 'herd.yaml')
    .addHelpText('after', examples('pgherd init shop'))
    .action(async (name: string, options: { file: string }) => {
      const { exampleSpec } = await import('@pgherd/core/spec')
      const text = exampleSpec(name)
      try {
        writeFileSync(options.file, text, { flag: 'wx' })
      } catch (cause) {
        const there = (cause as NodeJS.ErrnoException).code === 'EEXIST'
        throw there
          ? new HerdError('USAGE', `${options.file} is there already; it was not touched.`, { cause })
          : new HerdError('PERMISSION_DENIED', `${options.file} cannot be written.`, { cause })
      }
      console.log(
        `Wrote ${options.file}. Start it with: pgherd up${options.file === 'herd.yaml' ? '' : ` ${options.file}`}`,
      )
    })
}

interface UpFlags extends LocationOptions {
  detach?: boolean
  port?: number | 'auto'
  json?: boolean
}

function addUp(program: Command): void {
  const up = (command: Command): Command =>
    command
      .argument('[spec]', 'spec file; without one herd.yaml, or the default herd of three nodes')
      .option('--state <dir>', 'folder for the state, instead of .pgherd beside the spec')
      .option(
        '--port <port>',
        'first port, or "auto" for free ones, instead of what the spec says',
        parsePort,
      )
  up(program.command('up'))
    .summary('create the herd or carry on with it')
    .description(
      'Brings the herd up: creates it the first time, else starts it again or adopts servers that still run.\n' +
        'Stays in the foreground with a live view; Ctrl-C stops every server and keeps the data.',
    )
    .option('-d, --detach', 'return when the herd serves, and supervise it in the background')
    .option('--json', 'print the status as JSON once the herd serves')
    .addHelpText('after', examples('pgherd up', 'pgherd up my-herd.yaml --detach', 'pgherd up --port auto'))
    .action(async (file: string | undefined, options: UpFlags) => {
      const located = await locateSpec(file, options)
      if (options.port !== undefined) located.port = options.port
      const run = await import('./run-up.js')
      if (!options.detach) {
        process.exitCode = await run.runUp(located, { json: options.json === true })
        return
      }
      const report = await run.startDetached(located, superviseArguments(file, options))
      if (options.json) console.log(JSON.stringify({ ...report.status, dsn: report.dsn }))
      else console.log(`${renderStatus(report.status)}\n\n${report.connections}\n\n${DETACHED_HINT}`)
      process.exit(0)
    })
  up(program.command('supervise', { hidden: true })).action(
    async (file: string | undefined, options: UpFlags) => {
      const located = await locateSpec(file, options)
      if (options.port !== undefined) located.port = options.port
      const run = await import('./run-up.js')
      process.exit(await run.runDetached(located))
    },
  )
}

const DETACHED_HINT = pc.dim(
  'It is supervised in the background. See "pgherd status", stop it with "pgherd down".',
)

function superviseArguments(file: string | undefined, options: UpFlags): string[] {
  return [
    ...(file === undefined ? [] : [file]),
    ...(options.state === undefined ? [] : ['--state', options.state]),
    ...(options.port === undefined ? [] : ['--port', String(options.port)]),
  ]
}

function parsePort(text: string): number | 'auto' {
  if (text === 'auto') return 'auto'
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1024 && port <= 65535) return port
  throw new InvalidArgumentError('It must be a number from 1024 to 65535, or "auto".')
}

function addStatus(program: Command): void {
  located(program.command('status'))
    .summary('show every node with its role, state and lag')
    .description('Shows the herd: roles, states, LSNs, lag and how each standby counts for commits.')
    .option('--watch', 'draw it again every second until Ctrl-C')
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples('pgherd status', 'pgherd status --watch', 'pgherd status --json'))
    .action(async (options: LocationOptions & { watch?: boolean; json?: boolean }) => {
      const herd = await locateHerd(options)
      if (!options.watch) {
        showStatus(await statusOf(herd), options.json === true, supervisorOf(herd) !== null)
        return
      }
      for (;;) {
        const status = await statusOf(herd)
        if (process.stdout.isTTY && !options.json) process.stdout.write('\u001b[H\u001b[2J')
        showStatus(status, options.json === true, supervisorOf(herd) !== null)
        await new Promise((resolve) => setTimeout(resolve, 1000))
      }
    })
}

async function statusOf(herd: LeftHerd): Promise<HerdStatus> {
  const supervised = await supervisorOf(herd)?.topology()
  if (supervised !== undefined) return supervised
  const { readProxyRecord } = await import('../proxy-process/proxy-record.js')
  const proxy = readProxyRecord(herd.paths.proxyRecord)?.address ?? null
  return { ...(await describeLeftHerd(herd)), proxy }
}

function showStatus(status: HerdStatus, json: boolean, supervised: boolean): void {
  if (json) {
    console.log(JSON.stringify(status))
    return
  }
  console.log(renderStatus(status))
  if (!supervised)
    console.log(pc.yellow('\nNobody supervises this herd: no failover happens. Start it with "pgherd up".'))
}

function addDown(program: Command): void {
  located(program.command('down'))
    .summary('stop the herd; the data stays')
    .description(
      'Stops every server and the supervisor. The data stays, unless --destroy is given and confirmed.',
    )
    .option('--destroy', 'delete the herd with all its data')
    .option('-y, --yes', 'confirm --destroy without being asked')
    .addHelpText('after', examples('pgherd down', 'pgherd down --destroy --yes'))
    .action(async (options: LocationOptions & { destroy?: boolean; yes?: boolean }) => {
      const { runDown } = await import('./run-down.js')
      console.log(await runDown(await locateHerd(options), options))
    })
}

function addDsn(program: Command): void {
  located(program.command('dsn'))
    .summary('print a connection string')
    .description(
      'Prints a connection string: of one node, or of all with the primary asked for (libpq, JDBC, …); of a sharded herd, of its proxy.',
    )
    .argument('[node]', 'name of a node')
    .option('--proxy', 'of the proxy: one address for any client, with the whole herd behind it')
    .option(
      '--nodes',
      'of the nodes, also of a sharded herd: for @pgherd/client, which finds the shards from there',
    )
    .option('--superuser', 'as the superuser postgres instead of the application’s role')
    .addHelpText(
      'after',
      examples('psql "$(pgherd dsn --proxy)"', 'psql "$(pgherd dsn)"', 'pgherd dsn main-2'),
    )
    .action(async (node: string | undefined, options: LocationOptions & DsnOptions) => {
      const { printDsn } = await import('./print-dsn.js')
      console.log(await printDsn(await locateHerd(options), node, options))
    })
}

function addLogs(program: Command): void {
  located(program.command('logs'))
    .summary('show what happened')
    .description('Prints what the supervisor saw and did, or with a node that server’s PostgreSQL log.')
    .argument('[node]', 'name of a node')
    .option('-n, --lines <count>', 'how many of the last lines', parseCount, 50)
    .option('-f, --follow', 'go on printing what is added')
    .option('--json', 'events as JSON, one a line')
    .addHelpText('after', examples('pgherd logs', 'pgherd logs main-2 --follow'))
    .action(
      async (
        node: string | undefined,
        options: LocationOptions & { lines: number; follow?: boolean; json?: boolean },
      ) => {
        const { runLogs } = await import('./run-logs.js')
        await runLogs(await locateHerd(options), node, options)
      },
    )
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 0) return count
  throw new InvalidArgumentError('It must be a whole number.')
}

function addSql(program: Command): void {
  located(program.command('sql'))
    .summary('run SQL on the primary')
    .description(
      'Runs SQL on the primary (or the node given) and prints the rows; of a sharded herd, through its proxy.',
    )
    .argument('<text>', 'one or more statements')
    .option('--node <node>', 'run it on this node')
    .option('--superuser', 'as the superuser postgres instead of the application’s role')
    .option('--json', 'print rows as JSON')
    .addHelpText(
      'after',
      examples('pgherd sql "select version()"', 'pgherd sql --node main-2 "select pg_is_in_recovery()"'),
    )
    .action(
      async (
        text: string,
        options: LocationOptions & { node?: string; superuser?: boolean; json?: boolean },
      ) => {
        const { runSql } = await import('./run-sql.js')
        await runSql(await locateHerd(options), text, options)
      },
    )
}

function addFailover(program: Command): void {
  located(program.command('failover'))
    .summary('set the primary aside and let a standby take over')
    .description(
      'Fences the primary and promotes the standby with the furthest WAL, as after a failure.\n' +
        'Refused when acknowledged writes could be lost, unless --accept-loss is given.',
    )
    .argument('<group>', 'name of the group')
    .option('--accept-loss', 'promote what is there, even if acknowledged writes are lost by it')
    .option('--json', 'print the status as JSON afterwards')
    .addHelpText('after', examples('pgherd failover main', 'pgherd failover main --accept-loss'))
    .action(async (group: string, options: LocationOptions & { acceptLoss?: boolean; json?: boolean }) => {
      const client = requireSupervisor(await locateHerd(options))
      showStatus(await client.failover(group, options.acceptLoss === true), options.json === true, true)
    })
}

function addSwitchover(program: Command): void {
  located(program.command('switchover'))
    .summary('hand primaryship over in order')
    .description('Lets open transactions finish, stops the primary, promotes a standby that has everything.')
    .argument('<group>', 'name of the group')
    .option('--to <node>', 'who takes over; without it the standby that is furthest')
    .option('--json', 'print the status as JSON afterwards')
    .addHelpText('after', examples('pgherd switchover main', 'pgherd switchover main --to main-3'))
    .action(async (group: string, options: LocationOptions & { to?: string; json?: boolean }) => {
      const client = requireSupervisor(await locateHerd(options))
      showStatus(await client.switchover(group, options.to ?? null), options.json === true, true)
    })
}

function addChaos(program: Command): void {
  located(program.command('chaos'))
    .summary('disturb a node, to see what happens')
    .description(
      'kill: kill -9 of its postmaster. pause: stop every process of it, as a hang looks. resume: continue them.\n' +
        'A paused standby stays paused until it is resumed; a paused primary is failed over.',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['kill', 'pause', 'resume']))
    .argument('<node>', 'name of the node')
    .option('--json', 'print the status as JSON afterwards')
    .addHelpText('after', examples('pgherd chaos kill main-1', 'pgherd chaos pause main-2'))
    .action(
      async (
        action: 'kill' | 'pause' | 'resume',
        node: string,
        options: LocationOptions & { json?: boolean },
      ) => {
        const client = requireSupervisor(await locateHerd(options))
        const status = await client.chaos(node, action)
        if (options.json) console.log(JSON.stringify(status))
        else console.log(`${CHAOS_DONE[action]} ${node}.`)
      },
    )
}

const CHAOS_DONE = { kill: 'Killed', pause: 'Paused', resume: 'Resumed' } as const

function addOpen(program: Command): void {
  located(program.command('open'))
    .summary('open the page that shows the herd')
    .description('Opens the page of a running herd in the browser, and prints its address.')
    .addHelpText('after', examples('pgherd open'))
    .action(async (options: LocationOptions) => {
      const { openPage } = await import('./open-page.js')
      await openPage(await locateHerd(options))
    })
}

function addProxy(program: Command): void {
  program
    .command('proxy')
    .summary('run the proxy alone, in front of any PostgreSQL')
    .description(
      'Puts one address in front of servers that are there already: any PostgreSQL from 14 on, a primary and\n' +
        'its standbys. Clients see one database; reads go to standbys, writes to the primary, and a failover is\n' +
        'a pause. Connection strings may also come from PGHERD_NODES or --config, where nobody who lists\n' +
        'processes sees a password. SIGTERM stops it once open transactions have ended, a second one at once;\n' +
        'SIGHUP reads the settings again.',
    )
    .option('--nodes <url...>', 'connection strings of the nodes')
    .option('--config <file>', 'YAML file with "nodes" and the fields of "proxy" in a spec')
    .option('--host <address>', 'where to listen (127.0.0.1)')
    .option('--port <port>', 'port to listen on, or "auto" for a free one (6432)', parsePort)
    .option(
      '--workers <count>',
      'processes that serve clients, or "auto": by the number of cores',
      parseWorkers,
    )
    .option('--max-clients <count>', 'clients at once (10000)', parseAtLeastOne)
    .option('--max-servers <count>', 'own connections by node, user and database (20)', parseAtLeastOne)
    .option('--lanes <count>', 'shared connections by node, user and database (2)', parseAtLeastOne)
    .option('--admin-user <role...>', 'who may use the admin database "pgherd" besides users of --nodes')
    .option('--tls-cert <file>', 'certificate for TLS, in PEM')
    .option('--tls-key <file>', 'its private key, in PEM')
    .option('--metrics <[host:]port>', 'where to answer /metrics, /healthz and /readyz', parseAddress)
    .option('--json', 'print where it listens as JSON')
    .addHelpText(
      'after',
      examples(
        'pgherd proxy --nodes postgres://postgres@db1/shop postgres://postgres@db2/shop',
        'pgherd proxy --config proxy.yaml --port 5432 --host 0.0.0.0 --metrics 9187',
        'psql -h localhost -p 6432 shop',
        'psql -h localhost -p 6432 -U postgres pgherd -c "show help"',
      ),
    )
    .action(async (flags: ProxyFlags) => {
      const { runProxy } = await import('./run-proxy.js')
      process.exit(await runProxy(flags))
    })
}

function parseAtLeastOne(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1) return count
  throw new InvalidArgumentError('It must be a whole number from 1.')
}

function parseWorkers(text: string): number | 'auto' {
  const count = Number(text)
  if (text === 'auto' || (Number.isInteger(count) && count >= 1 && count <= 64))
    return text === 'auto' ? text : count
  throw new InvalidArgumentError('It must be a whole number from 1 to 64, or "auto".')
}

function parseAddress(text: string): { host: string; port: number } {
  const [, host = '127.0.0.1', digits] = /^(?:(.+):)?(\d+)$/.exec(text) ?? []
  const port = Number(digits)
  if (Number.isInteger(port) && port >= 0 && port <= 65535)
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port }
  throw new InvalidArgumentError('It must be a port, or host:port.')
}

function addCompletion(program: Command): void {
  program
    .command('completion')
    .summary('print a completion script for your shell')
    .description('Prints a script that completes commands and options.')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', examples('source <(pgherd completion bash)', 'pgherd completion fish | source'))
    .action(async (shell: string) => {
      const { completionScript } = await import('./completion.js')
      console.log(completionScript(program, shell))
    })
}
