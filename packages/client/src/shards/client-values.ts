import { type KeyReading, type KeyValues, readArrayText, readKeyText } from '@pgherd/core/routing'
import type { KeyReader, KeyType } from '@pgherd/core/sharding'
import type { ValueRef } from '@pgherd/core/sql'
import { encodeValue } from '../pg-internals.js'

/** The parameters of one call, as they will be sent. */
export class ClientValues implements KeyValues {
  readonly #values: readonly unknown[]

  constructor(values: readonly unknown[]) {
    this.#values = values
  }

  read({ index, negative }: ValueRef, type: KeyType, into: KeyReader): KeyReading {
    return negative ? 'unknown' : read(this.#values[index - 1], type, into)
  }

  countElements({ index }: ValueRef): number | null {
    const value = this.#values[index - 1]
    if (value === null || value === undefined) return 0
    return this.#elements(value)?.length ?? null
  }

  readElement({ index }: ValueRef, at: number, type: KeyType, into: KeyReader): KeyReading {
    const elements = this.#elements(this.#values[index - 1])
    return elements === null ? 'unknown' : read(elements[at], type, into)
  }

  /** Of an array of arrays, nothing is known. */
  #elements(value: unknown): readonly unknown[] | null {
    const elements = typeof value === 'string' ? readArrayText(value) : value
    return Array.isArray(elements) && !elements.some(Array.isArray) ? elements : null
  }
}

/** As `pg` sends it: text for all but bytes. What is not given is sent as NULL. */
function read(value: unknown, type: KeyType, into: KeyReader): KeyReading {
  if (value === null || value === undefined) return 'null'
  // Of whole numbers that fit there is one notation only, and no text has to be made of them to read it.
  if (typeof value === 'number' && Number.isSafeInteger(value) && fits(type, value)) {
    into.read(type, value)
    return 'value'
  }
  let sent: string | Buffer | null
  try {
    sent = encodeValue(value)
  } catch {
    return 'unknown'
  }
  if (sent === null) return 'null'
  return typeof sent === 'string' ? readKeyText(sent, type, into) : 'unknown'
}

function fits(type: KeyType, value: number): boolean {
  return type === 'int8' || (type === 'int4' && value === (value | 0))
}
