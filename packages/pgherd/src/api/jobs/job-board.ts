import { HerdError } from '@pgherd/core'
import type { Job } from '@pgherd/core/api'

/** What a job is at its beginning. */
export type JobStart = Pick<Job, 'kind' | 'title' | 'group' | 'node'>

/** What work says of itself while it goes on. */
export interface JobReport {
  step(text: string, progress?: number | null): void
  /** The job takes back what it has done so far by this. */
  undo(undo: Job['undo']): void
}

const REMEMBERED = 100

/** What takes longer than an answer may: begun, watched, remembered for a while. */
export class JobBoard {
  readonly #jobs = new Map<string, Job>()
  readonly #listeners = new Set<(job: Job) => void>()
  #count = 0

  /** Begins; what `work` throws is the end of the job, not of whoever began it. */
  begin(start: JobStart, work: (report: JobReport) => Promise<void>): Job {
    const job: Job = {
      id: `${Date.now().toString(36)}-${(++this.#count).toString(36)}`,
      ...start,
      state: 'running',
      step: null,
      progress: null,
      startedAt: new Date().toISOString(),
      endedAt: null,
      error: null,
      undo: null,
    }
    this.#put(job)
    let undo: Job['undo'] = null
    const report: JobReport = {
      step: (step, progress = null) => this.#change(job.id, { step, progress }),
      undo: (said) => {
        undo = said
      },
    }
    const end = (change: Partial<Job>): void =>
      this.#change(job.id, { ...change, step: null, endedAt: new Date().toISOString() })
    work(report).then(
      () => end({ state: 'done', progress: 1, undo }),
      (error: unknown) => end({ state: 'failed', error: errorOf(error) }),
    )
    return this.get(job.id)
  }

  /** Throws UNKNOWN_JOB. */
  get(id: string): Job {
    const job = this.#jobs.get(id)
    if (job === undefined)
      throw new HerdError('UNKNOWN_JOB', `There is no job ${id}.`, {
        hint: `The last ${REMEMBERED} are remembered, until the supervisor ends.`,
      })
    return job
  }

  /** Newest first. */
  get all(): Job[] {
    return [...this.#jobs.values()].reverse()
  }

  listen(listener: (job: Job) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when it has ended, or after `timeoutMs`. Throws UNKNOWN_JOB. */
  async whenEnded(id: string, timeoutMs: number): Promise<Job> {
    if (this.get(id).state === 'running')
      await new Promise<void>((resolve) => {
        const done = (): void => {
          stop()
          clearTimeout(timer)
          resolve()
        }
        const stop = this.listen((job) => {
          if (job.id === id && job.state !== 'running') done()
        })
        const timer = setTimeout(done, timeoutMs)
      })
    return this.get(id)
  }

  #change(id: string, change: Partial<Job>): void {
    const job = this.#jobs.get(id)
    if (job !== undefined) this.#put({ ...job, ...change })
  }

  #put(job: Job): void {
    this.#jobs.set(job.id, job)
    if (this.#jobs.size > REMEMBERED) {
      const ended = [...this.#jobs.values()].find(({ state }) => state !== 'running')
      if (ended !== undefined) this.#jobs.delete(ended.id)
    }
    for (const listener of this.#listeners) listener(job)
  }
}

function errorOf(error: unknown): Job['error'] {
  if (error instanceof HerdError) {
    const { code, message, hint = null } = error
    return { code, message, hint }
  }
  console.error((error as Error)?.stack ?? error)
  return { code: 'INTERNAL', message: String((error as Error)?.message ?? error), hint: null }
}
