import type { HerdLink } from '../herd-link.js'

/** What `pg_authid` has of everybody who may log in with a password, by name. */
export async function readStoredPasswords(link: HerdLink): Promise<ReadonlyMap<string, string>> {
  // A standby may not have heard of a new password yet; without a primary it is as good as can be.
  const role = link.view.primary === null ? 'standby' : 'primary'
  return link.borrow(role, link.database, async (client) => {
    const { rows } = await client.query(
      `select rolname, rolpassword from pg_catalog.pg_authid
       where rolcanlogin and rolpassword is not null and coalesce(rolvaliduntil > now(), true)`,
    )
    return new Map(rows.map(({ rolname, rolpassword }) => [rolname, rolpassword]))
  })
}
