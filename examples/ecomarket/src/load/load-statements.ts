/**
 * What the load does, as one statement each, so that the herd and the single database do the same. Its events
 * count as delivered from the start: no consumer is to hear of them.
 */
export const WRITE = `
with changed as (
  update users set city = 'Load', version = version + 1 where id = $1 returning version
)
insert into outbox (user_id, seq, id, kind, payload, delivered_at)
select $1, version, $2, 'ProfileChanged', '{"city": "Load"}', now() from changed`

/** A user with addresses. Nothing in it asks about its session, so that it may go by a lane (docs/client.md). */
export const READ = `
select id, email, name, city, country, version,
  (select count(*) from addresses where user_id = users.id) as addresses
from users where id = $1`

/** A table of the home group. */
export const READ_STOCK = `
select stock from inventory where product_id = $1`
