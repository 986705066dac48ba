import type { Pool } from '@pgherd/client'
import type { DomainEvents } from './domain-event.js'
import { unknownUser } from './problem.js'
import { writeOnce } from './write-once.js'

export type NewAddress = Omit<DomainEvents['AddressAdded'], 'addressId'>

const ADD_ADDRESS = `
with changed as (
  update users set version = version + 1 where id = $1 returning version
), added as (
  insert into addresses (user_id, id, street, postal_code, city, country)
  select $1, $2, $3, $4, $5, $6 from changed
)
insert into outbox (user_id, seq, id, kind, payload)
select $1, version, $7, 'AddressAdded', $8 from changed`

/** Returns the id of the address. Throws `user-unknown`. */
export async function addAddress(pool: Pool, userId: string, address: NewAddress): Promise<string> {
  const addressId = String(await pool.nextId())
  const eventId = String(await pool.nextId())
  const { street, postalCode, city, country } = address
  const payload: DomainEvents['AddressAdded'] = { addressId, ...address }
  const values = [userId, addressId, street, postalCode, city, country, eventId, payload]
  await writeOnce(pool, { userId, eventId }, async () => {
    const { rowCount } = await pool.query(ADD_ADDRESS, values)
    if (rowCount === 0) throw unknownUser(userId)
  })
  return addressId
}
