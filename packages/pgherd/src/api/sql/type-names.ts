import type { Pool } from '@pgherd/client'
import type pg from 'pg'

/** From here on numbers of types are those of a database, and another's may differ. */
const FIRST_OF_DATABASE = 16_384

/** What types are called in SQL, remembered. */
export class TypeNames {
  readonly #names = new Map<number, string>()

  async describe(pool: Pool, fields: readonly pg.FieldDef[]): Promise<{ name: string; type: string }[]> {
    const unknown = [...new Set(fields.map(({ dataTypeID }) => dataTypeID))].filter(
      (oid) => !this.#names.has(oid),
    )
    if (unknown.length > 0) await this.#learn(pool, unknown)
    return fields.map(({ name, dataTypeID }) => ({
      name,
      type: this.#names.get(dataTypeID) ?? `type ${dataTypeID}`,
    }))
  }

  async #learn(pool: Pool, oids: readonly number[]): Promise<void> {
    const text =
      'select oid::int8::text as oid, format_type(oid, null) as name from pg_type where oid = any ($1::oid[])'
    const found = await pool.query<{ oid: string; name: string }>(text, [oids]).catch((): null => null)
    for (const { oid, name } of found?.rows ?? []) this.#names.set(Number(oid), name)
    // A type that was dropped gives its number to another one in time.
    if (this.#names.size > 1000)
      for (const oid of this.#names.keys()) if (oid >= FIRST_OF_DATABASE) this.#names.delete(oid)
  }
}
