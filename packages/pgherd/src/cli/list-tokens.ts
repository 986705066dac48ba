import type { LeftHerd } from '@pgherd/cluster'
import pc from 'picocolors'
import { TokenStore } from '../api/access/token-store.js'
import { alignColumns } from '../view/columns.js'

/** Prints the tokens of a herd; none of them can be told from what is kept. */
export async function listTokens({ paths }: LeftHerd, asJson: boolean): Promise<void> {
  const tokens = await new TokenStore(paths.tokens).list()
  if (asJson) {
    console.log(JSON.stringify(tokens.map(({ hash: _, ...shown }) => shown)))
    return
  }
  if (tokens.length === 0) {
    console.log('There are no tokens. Make one with "pgherd token create NAME".')
    return
  }
  const head = ['NAME', 'MAY', 'MADE', 'GOOD UNTIL'].map((name) => pc.dim(name))
  const rows = tokens.map(({ name, readOnly, createdAt, expiresAt }) => [
    name,
    readOnly ? 'look' : 'act',
    dayOf(createdAt),
    expiresAt === null
      ? 'it is revoked'
      : new Date(expiresAt) > new Date()
        ? dayOf(expiresAt)
        : pc.red('expired'),
  ])
  console.log(alignColumns([head, ...rows]))
}

function dayOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ')
}
