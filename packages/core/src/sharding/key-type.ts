/** The types a shard key may have. */
export const KEY_TYPES = ['int2', 'int4', 'int8', 'text', 'varchar', 'uuid'] as const
export type KeyType = (typeof KEY_TYPES)[number]

/** Types whose equal values hash alike and stand in one order. */
export const KEY_FAMILIES = ['integer', 'text', 'uuid'] as const
export type KeyFamily = (typeof KEY_FAMILIES)[number]

const FAMILIES: Record<KeyType, KeyFamily> = {
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  text: 'text',
  varchar: 'text',
  uuid: 'uuid',
}

export function familyOf(type: KeyType): KeyFamily {
  return FAMILIES[type]
}

/** A shard key's value as an application holds it; null is SQL's NULL. */
export type KeyValue = number | bigint | string | Uint8Array | null
