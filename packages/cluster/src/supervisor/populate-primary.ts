import { ensureTemplate } from '../postgres/index.js'
import { withAdminConnection } from '../replication/admin-connection.js'
import { populate, TEMPLATE_SEED } from '../replication/create-primary.js'
import type { GroupContext } from './group-context.js'
import type { ManagedNode } from './managed-node.js'

const INVALID_PASSWORD = '28P01'
const TIMEOUT_MS = 30_000

/**
 * Gives the first primary its roles and database. It still has the template's password unless an
 * earlier attempt was cut off after its last step.
 */
export async function populateWithTemplatePassword(context: GroupContext, node: ManagedNode): Promise<void> {
  const { address } = node.node.server
  const template = await ensureTemplate(context.binaries, context.user, TEMPLATE_SEED)
  const run = (password: string): Promise<void> =>
    withAdminConnection(address, password, TIMEOUT_MS, (client) =>
      populate(client, context.spec, context.secrets),
    )
  try {
    await run(template.superuserPassword)
  } catch (error) {
    if ((error as { code?: unknown }).code !== INVALID_PASSWORD) throw error
    await run(context.secrets.superuser)
  }
}
