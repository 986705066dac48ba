import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { CartChange } from './cart.js'

/**
 * What was promised, on disk, so that a promise outlives the process that gave it. A change a line; a line
 * that a crash cut short was never promised.
 */
export class PromiseFile {
  readonly #file: FileHandle
  #written: Promise<unknown> = Promise.resolve()
  /** Promised by an earlier process that did not come to keep all of it; in the order of the promises. */
  readonly left: readonly CartChange[]

  private constructor(file: FileHandle, left: readonly CartChange[]) {
    this.#file = file
    this.left = left
  }

  static async open(path: string): Promise<PromiseFile> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600)
    const text = await file.readFile('utf8')
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    await file.truncate(Buffer.byteLength(whole))
    const lines = whole.split('\n').filter((line) => line !== '')
    return new PromiseFile(
      file,
      lines.map((line) => JSON.parse(line) as CartChange),
    )
  }

  /** Resolves once it is on disk: only then may the user be told. */
  async add(change: CartChange): Promise<void> {
    // One after the other: the order of lines is the order in which changes are saved.
    this.#written = this.#written.then(() => this.#file.write(`${JSON.stringify(change)}\n`))
    await this.#written
    await this.#file.datasync()
  }

  /** Only when all of it is saved. */
  async clear(): Promise<void> {
    await this.#file.truncate(0)
    await this.#file.datasync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
