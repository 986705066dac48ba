import type { Pool } from '@pgherd/client'
import { type Placement, type PlacementRow, readPlacement } from '@pgherd/core/sharding'

/** Where every row belongs and where all nodes are, as any group tells. */
export async function fetchPlacement(pool: Pool): Promise<Placement> {
  const { rows } = await pool.query<PlacementRow>(
    'select map, stretches, tables, groups, home, this_group from pgherd.placement',
  )
  return readPlacement(rows[0] as PlacementRow)
}
