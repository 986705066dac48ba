import type { LoadReport } from '../load-report.js'
import type { FailoverMeasured } from '../measure-failover.js'
import type { ReadsCompared } from '../measure-reads.js'
import type { StressResult } from '../stress.js'
import { type Bar, drawBars, drawLines } from './charts.js'

/** A part of the report, for whatever shows it. */
export interface Section {
  title: string
  /** Sentences. */
  text: string[]
  charts: { caption: string; svg: string }[]
  tables: { head: string[]; rows: string[][] }[]
}

/** Says in sentences, tables and charts what was measured. Pure. */
export function describeReport(report: LoadReport): Section[] {
  return [
    describeWrites(report),
    describeReads(report),
    describeLag(report),
    describeFailover(report),
    describeStrategies(report),
    describeSingle(report),
  ]
}

/** On what it was measured, and what that means. */
export function describeCircumstances({ machine, herd, run, at }: LoadReport): string[] {
  const nodes = herd.groups.reduce((sum, group) => sum + group.nodes, 0)
  const groups = herd.groups.map(({ name, nodes, durability }) => `${name} ${nodes} (${durability})`)
  return [
    `Measured ${at} in ${count(run.tookSeconds)} s with ${run.callers} callers and ${count(run.users)} users, on ${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.system}, Node.js ${machine.node}.`,
    `The herd: ${nodes} servers in ${herd.groups.length} groups, nodes of each: ${groups.join(', ')}. It ${herd.wasRunning ? 'ran already' : 'was started for this'}.`,
    `All ${nodes} servers, the single database and the callers share these ${machine.cores} cores and one disk. What more servers bring when each has a machine of its own cannot be seen here; what they cost can.`,
  ]
}

function describeWrites({ writes }: LoadReport): Section {
  const { oneShard, twoShards, byShard, imbalance } = writes
  return {
    title: '(a) Writes to the primaries',
    text: [
      `${rate(oneShard)} writes a second, each a user and an event in one statement on one shard, acknowledged once a standby had them on disk.`,
      `Over two shards in one transaction, by two-phase commit: ${rate(twoShards)} transactions a second, of two users each.`,
      `The busiest shard had ${times(imbalance)}.`,
    ],
    charts: [
      {
        caption: 'Acknowledged writes of each primary',
        svg: drawBars(
          'Acknowledged writes of each primary',
          byShard.map(({ shard, writes }) => bar(shard, writes, count(writes), 0)),
        ),
      },
    ],
    tables: [
      stressTable([
        ['one shard', oneShard],
        ['two shards', twoShards],
      ]),
    ],
  }
}

function describeReads({ reads }: LoadReport): Section {
  const { users, stock } = reads
  const compared = [
    ['users', users],
    ['stock', stock],
  ] as const
  return {
    title: '(b) Reads spread over standbys',
    text: [
      `Users by their key: ${rate(users.standbys)} a second from standbys, ${rate(users.primaries)} from primaries, scale factor ${factor(users.scale)}. The busiest of ${users.byNode.length} standbys had ${times(users.imbalance)}; how even that is depends on how even users are over shards.`,
      `Stock, from the home group: ${rate(stock.standbys)} a second from its standbys, ${rate(stock.primaries)} from its primary, scale factor ${factor(stock.scale)}. The busiest of ${stock.byNode.length} standbys had ${times(stock.imbalance)}.`,
      `Where standbys were asked, they answered ${count(users.answered.standby + stock.answered.standby)} reads and primaries ${count(users.answered.primary + stock.answered.primary)}, by the count of the pool. A scale factor above 1 needs cores that the primary does not use already.`,
    ],
    charts: compared.flatMap(([name, { primaries, standbys, byNode }]) => [
      {
        caption: `Reads of ${name} a second`,
        svg: drawBars(`Reads of ${name} a second`, [
          bar('primaries', primaries.perSecond, rate(primaries), 0),
          bar('standbys', standbys.perSecond, rate(standbys), 1),
        ]),
      },
      {
        caption: `Reads of ${name} that each standby counted`,
        svg: drawBars(
          `Reads of ${name} by standby`,
          byNode.map(({ node, reads }) => bar(node, reads, count(reads), 1)),
        ),
      },
    ]),
    tables: [
      stressTable(
        compared.flatMap(([name, { primaries, standbys }]: readonly [string, ReadsCompared]) => [
          [`${name}, primaries`, primaries] as const,
          [`${name}, standbys`, standbys] as const,
        ]),
      ),
    ],
  }
}

function describeLag({ lag }: LoadReport): Section {
  const worst = Math.max(...lag.standbys.map(({ replayMs }) => replayMs?.max ?? 0))
  return {
    title: '(c) Replication lag under load',
    text: [
      `While ${rate(lag.writes)} writes a second went on, each standby was asked again and again how long it took until it had replayed what its primary had written. The longest was ${ms(worst)}.`,
      'Asking takes its time too, on a busy machine more than the replay; it is in these figures.',
    ],
    charts: [
      {
        caption: 'Time until a standby had replayed, in ms',
        svg: drawLines({
          title: 'Replication lag over time',
          x: 'seconds',
          y: 'ms',
          lines: lag.standbys.map(({ node, samples }) => ({
            name: node,
            points: samples.map(({ atMs, replayMs }) => [atMs / 1000, replayMs] as const),
          })),
        }),
      },
    ],
    tables: [
      {
        head: ['standby', 'samples', 'median', '95 %', 'longest', 'most bytes behind'],
        rows: lag.standbys.map(({ node, samples, replayMs, behindBytes }) => [
          node,
          count(samples.length),
          ms(replayMs?.median),
          ms(replayMs?.p95),
          ms(replayMs?.max),
          behindBytes === null ? '-' : count(behindBytes.max),
        ]),
      },
    ],
  }
}

function describeFailover({ failover }: LoadReport): Section {
  const { killed, shard, pauseMs, wholeMs, longestElsewhereMs, lost, acknowledged } = failover
  return {
    title: '(d) A failover under load',
    text: [
      `${killed}, the primary of ${shard}, was killed (kill -9) while every shard was written to. ${pauseMs === null ? `${shard} acknowledged no write afterwards.` : `${shard} acknowledged no write for ${ms(pauseMs)}; then it went on.`}`,
      `No other shard was without an acknowledged write for longer than ${ms(longestElsewhereMs)}. ${wholeMs === null ? 'The herd was not whole again in time.' : `All nodes were back after ${ms(wholeMs)}.`}`,
      `Of ${count(acknowledged)} acknowledged writes ${count(lost)} were lost.`,
    ],
    charts: [drawFailover(failover, shard)],
    tables: [failoverTable([['herd', failover]])],
  }
}

function drawFailover(
  { slices, killedAtMs, killed, shards }: FailoverMeasured,
  name: string,
): Section['charts'][number] {
  const others = {
    name: 'mean of others',
    points: slices.map(({ atMs, elsewhere }) => [atMs / 1000, elsewhere / (shards - 1)] as const),
  }
  const lines = [
    { name, points: slices.map(({ atMs, there }) => [atMs / 1000, there] as const) },
    ...(shards > 1 ? [others] : []),
  ]
  const caption = 'Acknowledged writes in each 100 ms'
  const mark = { x: killedAtMs / 1000, text: `${killed} killed` }
  return { caption, svg: drawLines({ title: caption, x: 'seconds', y: 'writes', lines, mark }) }
}

function describeStrategies({ strategies }: LoadReport): Section {
  const { keys, shards, users } = strategies
  const of = (kind: 'add' | 'remove') =>
    strategies.strategies.flatMap(({ strategy, changes }) =>
      changes.filter(({ change }) => change.kind === kind).map((outcome) => ({ strategy, ...outcome })),
    )
  const [added, removed] = [of('add'), of('remove')]
  const least = added[0]?.leastShare ?? 0
  const moved: Bar[] = [
    ...added.map(({ strategy, movedShare }, at) =>
      bar(`${strategy}, one more`, movedShare, share(movedShare), at),
    ),
    ...removed.map(({ strategy, movedShare }, at) =>
      bar(`${strategy}, one less`, movedShare, share(movedShare), at),
    ),
  ]
  return {
    title: '(e) Modulo and consistent hashing',
    text: [
      `${count(keys)} ids, one a millisecond as nextId() gives them, placed on ${shards} shards. When a shard comes, ${share(least)} of them have to move: ${added.map(({ strategy, movedShare }) => `${strategy} moves ${share(movedShare)}`).join(', ')}.`,
      'This part is computed, by the same functions as the herd and pgherd shard compare.',
      `The ${count(users.reduce((sum, each) => sum + each.users, 0))} users of the load: ${users.map((each) => `${each.shard} ${count(each.users)}`).join(', ')}.`,
    ],
    charts: [
      { caption: 'Keys that move when a shard comes or goes', svg: drawBars('Keys that move', moved) },
    ],
    tables: [
      {
        head: ['strategy', 'most/mean', 'one more: moved', 'most/mean', 'one less: moved', 'most/mean'],
        rows: strategies.strategies.map(({ strategy, balance, changes }) => [
          strategy,
          factor(balance.imbalance),
          ...changes.flatMap(({ movedShare, balance }) => [share(movedShare), factor(balance.imbalance)]),
        ]),
      },
    ],
  }
}

function describeSingle({ single, failover, herd }: LoadReport): Section {
  const copies = herd.groups.find(({ name }) => name === failover.shard)?.nodes ?? 1
  const { writes, reads, failover: killed } = single
  return {
    title: '(f) One single database beside the herd',
    text: [
      `The same statements on one plain PostgreSQL server through pg.Pool, turn and turn about with the herd. Writes: ${rate(writes.single)} a second, the herd ${rate(writes.herd)}, ratio ${factor(writes.ratio)}. Reads: ${rate(reads.single)} a second, the herd ${rate(reads.herd)}, ratio ${factor(reads.ratio)}.`,
      `The herd writes each row on ${copies} servers and answers once ${copies > 1 ? 'a standby' : 'it'} has it on disk. The single server has one copy: with its disk its data is gone.`,
      `Killed in the same way and started again, the single server acknowledged no write for ${ms(killed.pauseMs)}, and its callers heard ${count(killed.failed + unknownOf(killed))} errors; those of the herd heard ${count(failover.failed + unknownOf(failover))}.`,
    ],
    charts: [
      {
        caption: 'Done in a second',
        svg: drawBars('The herd and a single database', [
          bar('writes, herd', writes.herd.perSecond, rate(writes.herd), 0),
          bar('writes, single', writes.single.perSecond, rate(writes.single), 1),
          bar('reads, herd', reads.herd.perSecond, rate(reads.herd), 0),
          bar('reads, single', reads.single.perSecond, rate(reads.single), 1),
        ]),
      },
      drawFailover(killed, 'single database'),
    ],
    tables: [
      stressTable([
        ['writes, herd', writes.herd],
        ['writes, single', writes.single],
        ['reads, herd', reads.herd],
        ['reads, single', reads.single],
      ]),
      failoverTable([
        ['herd', failover],
        ['single', killed],
      ]),
    ],
  }
}

function stressTable(results: readonly (readonly [string, StressResult])[]): Section['tables'][number] {
  return {
    head: ['', 'a second', 'done', 'failed', 'median', '95 %', '99 %', 'longest'],
    rows: results.map(([name, result]) => [
      name,
      rate(result),
      count(result.done),
      count(result.failed),
      ms(result.latencyMs?.median),
      ms(result.latencyMs?.p95),
      ms(result.latencyMs?.p99),
      ms(result.latencyMs?.max),
    ]),
  }
}

function failoverTable(
  measured: readonly (readonly [string, FailoverMeasured])[],
): Section['tables'][number] {
  const line = (name: string, of: (failover: FailoverMeasured) => string): string[] => [
    name,
    ...measured.map(([, failover]) => of(failover)),
  ]
  return {
    head: ['', ...measured.map(([name]) => name)],
    rows: [
      line('killed', ({ killed }) => killed),
      line('without an acknowledged write there', ({ pauseMs }) => ms(pauseMs)),
      line('the same of any other shard', ({ longestElsewhereMs, shards }) =>
        shards > 1 ? ms(longestElsewhereMs) : '-',
      ),
      line('all nodes back after', ({ wholeMs }) => ms(wholeMs)),
      line('acknowledged', ({ acknowledged }) => count(acknowledged)),
      line('lost', ({ lost }) => count(lost)),
      line('cut off, took effect', ({ unknown }) => count(unknown.tookEffect)),
      line('cut off, did not', ({ unknown }) => count(unknown.didNot)),
      line('errors without effect', ({ failed }) => count(failed)),
      line('of those there nevertheless', ({ contradicted }) => count(contradicted)),
    ],
  }
}

function unknownOf({ unknown }: FailoverMeasured): number {
  return unknown.tookEffect + unknown.didNot
}

function bar(label: string, value: number, shown: string, colour: number): Bar {
  return { label, value, shown, colour }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function rate({ perSecond }: StressResult): string {
  return count(perSecond)
}

function ms(value: number | null | undefined): string {
  if (value === null || value === undefined) return '-'
  return `${value < 9.95 ? value.toFixed(1) : count(value)} ms`
}

function factor(value: number): string {
  return value.toFixed(2)
}

function times(value: number | null): string {
  return value === null ? 'nothing' : `${value.toFixed(2)} times the mean`
}

function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`
}
