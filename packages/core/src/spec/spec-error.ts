import { HerdError } from '../errors.js'

/** One thing wrong with a spec, and where it stands in the file (line and column count from 1). */
export interface SpecProblem {
  line: number
  column: number
  /** Which field, as `groups[0].nodes`; empty for the spec as a whole. */
  path: string
  message: string
}

const LISTED = 20

/** `SPEC_INVALID`, with every problem that was found; the message lists them one a line, in file order. */
export class SpecError extends HerdError {
  readonly problems: readonly SpecProblem[]

  constructor(file: string, problems: readonly SpecProblem[], options: { hint?: string } = {}) {
    const inOrder = [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
    const lines = inOrder.slice(0, LISTED).map((p) => `${file}:${p.line}:${p.column}: ${p.message}`)
    if (inOrder.length > LISTED) lines.push(`... and ${inOrder.length - LISTED} more`)
    super('SPEC_INVALID', lines.join('\n'), options)
    this.name = 'SpecError'
    this.problems = inOrder
  }

  override toJSON(): ReturnType<HerdError['toJSON']> & { problems: readonly SpecProblem[] } {
    return { ...super.toJSON(), problems: this.problems }
  }
}
