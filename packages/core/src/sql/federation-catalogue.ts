import type { Catalogue } from './catalogue.js'

/**
 * The catalogue of a database whose foreign tables are those of the herd's own groups, which can only be read
 * there: reading one does what reading a table does, and no more.
 */
export function federationCatalogue(catalogue: Catalogue): Catalogue {
  const relations = [...catalogue.relations].map(([name, rows]) => {
    const own = rows.map((row) => ({ ...row, foreign: false, readCalls: row.readCalls.filter(isOthers) }))
    return [name, own] as const
  })
  return { ...catalogue, relations: new Map(relations), hidden: catalogue.hidden.filter(isOthers) }
}

/** Not a function of pgherd's. */
function isOthers({ schema }: { readonly schema: string }): boolean {
  return schema !== 'pgherd'
}
