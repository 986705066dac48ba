import { parseSpec, SpecError } from '../../src/spec/index.js'

/** What `parseSpec` says about a spec it refuses; fails the test if it accepts it. */
export function problemsOf(text: string): string {
  return refusalOf(text).message
}

export function refusalOf(text: string): SpecError {
  try {
    parseSpec(text, 'herd.yaml')
  } catch (error) {
    if (error instanceof SpecError) return error
    throw error
  }
  throw new Error(`this spec was accepted:\n${text}`)
}
