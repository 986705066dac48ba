import { type AckRule, type NodeAnswer, ruleOver } from '../../../src/failover/index.js'
import {
  type DataDirectory,
  FIRST_TIMELINE,
  historyOf,
  lsnAfter,
  type Timeline,
  timelineOf,
  type WalRecord,
} from './wal.js'
import type { World } from './world.js'

/** What a walsender knows: how far its standby has flushed, and which rule it has read last. */
interface Link {
  sender: SimulatedServer
  standby: SimulatedServer
  flushed: number
  /** A reply that waits to be read; it outlives the standby's connection. */
  reply: number
  rule: AckRule
  open: boolean
}

interface Commit {
  record: WalRecord
  acknowledged: (() => void) | null
}

/** How long a process may take to read a changed rule; the acknowledge action waits longer. */
export const RULE_DELAY_MS = 150

/**
 * A PostgreSQL server as far as failover can tell: a data directory, a process, WAL that streams, and
 * commits that wait for the standbys its rule names.
 */
export class SimulatedServer {
  data: DataDirectory | null = null
  process: 'stopped' | 'starting' | 'recovery' | 'primary' = 'stopped'
  hung = false
  draining = false
  /** The postmaster is gone, yet its backends and walsenders go on. */
  orphaned = false
  /** Grows with every launch; sessions and replies of an earlier process are told apart by it. */
  incarnation = 0
  readonly slots = new Set<string>()
  failingStarts = 0
  slowStartMs = 0
  /** A person promoted it behind the supervisor's back. */
  promotedByHand = false
  /** Data set aside by a clone. */
  readonly kept: DataDirectory[] = []
  #links: Link[] = []
  #waiting: Commit[] = []
  #replayed = 0
  #receivesFrom: Link | null = null
  #deliveryPending = false
  #backendRule: AckRule = ruleOver([])

  constructor(
    readonly name: string,
    readonly world: World,
  ) {}

  get running(): boolean {
    return this.process !== 'stopped' && !this.orphaned
  }

  /** Backends are there that can work at this moment. */
  get #alive(): boolean {
    return this.process !== 'stopped' && !this.hung
  }

  // ---- its life

  create(rule: AckRule): void {
    if (this.data !== null) return
    const first: WalRecord = { index: 0, timeline: FIRST_TIMELINE, what: 'timeline' }
    this.data = {
      wal: [first],
      flushed: 1,
      oldest: 0,
      standbySignal: false,
      cleanShutdownLsn: null,
      upstream: null,
      rule,
      ruleInForce: rule,
    }
  }

  /** False if no process came to be. */
  launch(upstream: string | null, rule: AckRule): boolean {
    if (this.data === null || this.process !== 'stopped') return false
    const { data, world } = this
    data.upstream = upstream
    data.rule = rule
    data.ruleInForce = rule
    data.cleanShutdownLsn = null
    this.#backendRule = rule
    this.process = 'starting'
    this.hung = false
    this.draining = false
    this.promotedByHand = false
    const incarnation = ++this.incarnation
    const fails = this.failingStarts > 0
    if (fails) this.failingStarts--
    const slowMs = this.slowStartMs
    this.slowStartMs = 0
    this.#replayed = Math.max(0, data.flushed - world.random.between(0, 20))
    this.#later(incarnation, world.random.between(20, 250) + slowMs, () => {
      if (fails) return this.kill('failed to start')
      this.process = data.standbySignal ? 'recovery' : 'primary'
      world.log(() => `${this.name} is up: ${this.process}`)
      this.#later(incarnation, world.random.between(0, 200), () => {
        this.#replayed = data.flushed
      })
      if (this.process === 'recovery') this.#keepReceiving(incarnation)
    })
    return true
  }

  /** Every process dies at once; WAL that was not flushed is gone. */
  kill(why: string): void {
    if (this.process === 'stopped') return
    this.world.log(() => `${this.name} dies: ${why}`)
    this.#end()
  }

  killPostmasterOnly(untilMs: number): void {
    if (this.process !== 'primary' || this.orphaned) {
      this.kill('kill -9')
      return
    }
    this.world.log(() => `${this.name}: the postmaster dies, its backends stay`)
    this.orphaned = true
    this.#later(this.incarnation, untilMs, () => {
      if (this.orphaned) this.#end()
    })
  }

  /** The last part of an orderly shutdown: what is connected gets everything, then it is gone. */
  shutDown(lettingStandbysCatchUp: boolean): void {
    if (!this.#alive || this.data === null) return
    if (this.process === 'primary') {
      const { data } = this
      const checkpoint: WalRecord = { index: data.wal.length, timeline: timelineOf(data), what: 'shutdown' }
      data.wal.push(checkpoint)
      data.flushed = data.wal.length
      data.cleanShutdownLsn = lsnAfter(checkpoint.index)
      for (const link of this.#links) if (link.open && lettingStandbysCatchUp) link.standby.#receive()
    }
    this.world.log(
      () => `${this.name} shuts down in order${lettingStandbysCatchUp ? '' : ', without its standbys'}`,
    )
    this.#end()
  }

  #end(): void {
    this.process = 'stopped'
    this.hung = false
    this.orphaned = false
    this.incarnation++
    for (const link of this.#links) link.standby.#disconnect(link)
    this.#links = []
    this.#waiting = []
    this.#leaveUpstream()
    if (this.data !== null) {
      this.data.wal.length = this.data.flushed
    }
  }

  pause(): void {
    this.hung = true
  }

  resume(): void {
    if (!this.hung) return
    this.hung = false
    for (const link of [...this.#links]) this.#read(link)
    this.#receive()
  }

  // ---- what the supervisor asks of it

  /** Takes effect in its own time, whatever has become of who asked. */
  promote(wanted: number | null): void {
    const byHand = wanted === null
    const { world, incarnation } = this
    this.#later(incarnation, world.random.between(10, 200), () => {
      if (this.process !== 'recovery' || this.data === null || !this.data.standbySignal) return
      const { data } = this
      this.#leaveUpstream()
      data.standbySignal = false
      this.#later(incarnation, world.random.between(1, 80), () => {
        const timeline: Timeline = {
          number: world.beginTimeline(wanted),
          parent: timelineOf(data),
          forkedAt: data.flushed,
        }
        data.wal.push({ index: data.wal.length, timeline, what: 'timeline' })
        data.flushed = data.wal.length
        this.#replayed = data.flushed
        this.process = 'primary'
        this.promotedByHand = byHand
        world.log(
          () => `${this.name} accepts writes on timeline ${timeline.number}${byHand ? ' (by hand)' : ''}`,
        )
        this.#notifyStandbys()
      })
    })
  }

  follow(upstream: string): void {
    if (this.data === null || !this.#alive) return
    this.data.upstream = upstream
    this.#leaveUpstream()
  }

  /** Each process reads it in its own time; `confirmRule` is called once all of them have. */
  setRule(rule: AckRule): void {
    const { data } = this
    if (data === null || !this.#alive || this.process === 'starting') return
    data.rule = rule
    data.ruleInForce = null
    for (const link of this.#links)
      this.#later(this.incarnation, this.world.random.between(0, RULE_DELAY_MS - 30), () => {
        link.rule = rule
        this.#release(link.rule)
      })
    this.#later(this.incarnation, this.world.random.between(0, RULE_DELAY_MS - 30), () => {
      this.#backendRule = rule
      if (rule.count === 0) this.#acknowledgeAll()
    })
  }

  confirmRule(rule: AckRule): void {
    if (this.data !== null && this.#alive && this.data.rule === rule) this.data.ruleInForce = rule
  }

  answers(): 'answer' | 'refusal' | 'nothing' {
    if (!this.running || this.hung) return 'nothing'
    return this.process === 'starting' ? 'refusal' : 'answer'
  }

  answer(askedAtMs: number): NodeAnswer {
    const data = this.data as DataDirectory
    const recovery = this.process === 'recovery'
    const streaming = this.#receivesFrom !== null
    const end = !recovery ? data.wal.length : streaming ? data.flushed : this.#replayed
    const replicas: Record<string, { streaming: boolean; flushLsn: number; replayLsn: number }> = {}
    for (const link of this.#links) {
      if (!link.open) continue
      const lsn = lsnAfter(link.flushed)
      replicas[link.standby.name] = { streaming: true, flushLsn: lsn, replayLsn: lsn }
    }
    return {
      askedAtMs,
      recovery,
      timeline: timelineOf(data).number,
      lsn: lsnAfter(end),
      replayLsn: lsnAfter(recovery ? this.#replayed : end),
      settled: !recovery || this.#replayed === data.flushed,
      upstream: recovery ? data.upstream : null,
      streaming,
      slots: [...this.slots],
      lostSlots: [],
      oldestWalLsn: recovery ? null : lsnAfter(data.oldest),
      history: historyOf(timelineOf(data)),
      rule: recovery ? null : this.world.options.reportRuleAtOnce ? data.rule : data.ruleInForce,
      replicas,
    }
  }

  // ---- writes

  /** Whether a client can have a session that writes. Only an existing one outlives the postmaster. */
  accepts(sessionIncarnation: number | null): boolean {
    if (this.process !== 'primary' || this.hung || this.draining) return false
    return sessionIncarnation === null ? !this.orphaned : sessionIncarnation === this.incarnation
  }

  write(acknowledged: (record: WalRecord) => void): void {
    const data = this.data as DataDirectory
    const record: WalRecord = { index: data.wal.length, timeline: timelineOf(data), what: 'write' }
    data.wal.push(record)
    this.#later(this.incarnation, this.world.random.between(0, 2), () => this.#flush(record, acknowledged))
  }

  #flush(record: WalRecord, acknowledged: (record: WalRecord) => void): void {
    const data = this.data as DataDirectory
    data.flushed = Math.max(data.flushed, record.index + 1)
    this.#notifyStandbys()
    if (this.#backendRule.count === 0) acknowledged(record)
    else this.#waiting.push({ record, acknowledged: () => acknowledged(record) })
  }

  #acknowledgeAll(): void {
    const released = this.#waiting
    this.#waiting = []
    for (const commit of released) commit.acknowledged?.()
  }

  /** As SyncRepReleaseWaiters: a walsender applies the rule that it has read. */
  #release(rule: AckRule): void {
    if (rule.count === 0 || this.#waiting.length === 0) return
    const flushed = this.#links
      .filter((link) => rule.members.includes(link.standby.name))
      .map((link) => link.flushed)
      .sort((a, b) => b - a)
    const upTo = flushed[rule.count - 1] ?? 0
    const released = this.#waiting.filter((commit) => commit.record.index < upTo)
    if (released.length === 0) return
    this.#waiting = this.#waiting.filter((commit) => commit.record.index >= upTo)
    for (const commit of released) commit.acknowledged?.()
  }

  // ---- streaming

  #keepReceiving(incarnation: number): void {
    this.#later(incarnation, this.world.random.between(20, 250), () => {
      if (this.process !== 'recovery') return
      this.#connect()
      this.#keepReceiving(incarnation)
    })
  }

  #connect(): void {
    const { data } = this
    if (data === null || this.#receivesFrom !== null || data.upstream === null) return
    const upstream = this.world.server(data.upstream)
    const their = upstream.data
    const canSend = upstream.process === 'primary' || upstream.process === 'recovery'
    if (their === null || !canSend || upstream.hung || upstream.orphaned || upstream === this) return
    if (!this.#agreesWith(their) || data.flushed < their.oldest) return
    const link: Link = {
      sender: upstream,
      standby: this,
      flushed: data.flushed,
      reply: data.flushed,
      rule: their.rule,
      open: true,
    }
    upstream.#links.push(link)
    this.#receivesFrom = link
    this.#receiveSoon()
  }

  #agreesWith(their: DataDirectory): boolean {
    const { wal, flushed } = this.data as DataDirectory
    return flushed <= their.flushed && wal[flushed - 1] === their.wal[flushed - 1]
  }

  #notifyStandbys(): void {
    for (const link of this.#links) if (link.open) link.standby.#receiveSoon()
  }

  #receiveSoon(): void {
    if (this.#deliveryPending) return
    this.#deliveryPending = true
    const slow = this.world.random.chance(0.02)
    this.world.after(this.world.random.between(1, slow ? 300 : 6), () => {
      this.#deliveryPending = false
      this.#receive()
    })
  }

  #receive(): void {
    const link = this.#receivesFrom
    const { data } = this
    if (link === null || data === null || !this.#alive || this.process !== 'recovery') return
    const upstream = link.sender
    if (upstream.data === null || upstream.hung) return
    if (data.flushed < upstream.data.oldest) {
      this.#leaveUpstream()
      return
    }
    for (let at = data.flushed; at < upstream.data.flushed; at++)
      data.wal.push(upstream.data.wal[at] as WalRecord)
    data.flushed = data.wal.length
    this.#replayed = data.flushed
    this.#notifyStandbys()
    link.reply = data.flushed
    this.world.after(this.world.random.between(0, 3), () => upstream.#read(link))
  }

  #read(link: Link): void {
    if (!this.#alive || !this.#links.includes(link)) return
    link.flushed = Math.max(link.flushed, link.reply)
    this.#release(link.rule)
    if (!link.open) this.#links = this.#links.filter((other) => other !== link)
  }

  #leaveUpstream(): void {
    const link = this.#receivesFrom
    if (link === null) return
    this.#receivesFrom = null
    link.open = false
    const upstream = link.sender
    this.world.after(this.world.random.between(0, 3), () => upstream.#read(link))
  }

  #disconnect(link: Link): void {
    if (this.#receivesFrom === link) this.#receivesFrom = null
  }

  #later(incarnation: number, afterMs: number, run: () => void): void {
    this.world.after(afterMs, () => {
      if (this.incarnation !== incarnation) return
      // A stopped process does this when it is let go on.
      if (this.hung) this.#later(incarnation, 50, run)
      else run()
    })
  }
}
