import type { PolicyPool } from '@pgherd/client'

/** Rows, and who they came from: the node's own word, in the same statement. */
export interface Served<Row> {
  node: string
  role: 'primary' | 'standby'
  rows: Row[]
}

/** Reads rows as JSON, whose numbers and moments need no parsers, with the name and role of the node that answers. */
export async function readServed<Row>(
  pool: Pick<PolicyPool, 'query'>,
  query: string,
  values: unknown[] = [],
): Promise<Served<Row>> {
  const text = `
    select
      current_setting('cluster_name') as node,
      case current_setting('in_hot_standby') when 'on' then 'standby' else 'primary' end as role,
      coalesce(json_agg(answer), '[]') as rows
    from (${query}) answer`
  const { rows } = await pool.query<Served<Row>>(text, values)
  return rows[0] as Served<Row>
}
