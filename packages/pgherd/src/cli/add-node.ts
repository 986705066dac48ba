import { HerdError } from '@pgherd/core'
import type { Job } from '@pgherd/core/api'
import { type Command, InvalidArgumentError } from 'commander'
import { renderStatus } from '../view/render-status.js'
import { examples } from './examples.js'
import { type LocationOptions, locateHerd, requireSupervisor } from './herd-location.js'
import { located } from './located.js'

interface NodeFlags extends LocationOptions {
  json?: boolean
}

/** `pgherd node` and what is under it. */
export function addNode(program: Command): void {
  const node = program
    .command('node')
    .summary('add standbys to a running herd, or remove them')
    .description('Changes how many standbys a group has, while it runs.')
    .addHelpText('after', examples('pgherd node add main', 'pgherd node remove main-3 --yes'))
  located(node.command('add'))
    .summary('add standbys to a group')
    .description(
      'Copies the primary, and returns once the new standbys stream and count for durability. The proxy reads\n' +
        'from them then; nobody who is connected is disconnected.',
    )
    .argument('<group>', 'name of the group')
    .option('--count <number>', 'how many (1)', parseCount)
    .option('--json', 'print the status as JSON afterwards')
    .addHelpText('after', examples('pgherd node add main', 'pgherd node add main --count 2'))
    .action(async (group: string, flags: NodeFlags & { count?: number }) => {
      const client = requireSupervisor(await locateHerd(flags))
      await client.addNodes(group, flags.count ?? 1, stepPrinter(flags.json === true))
      const status = await client.topology()
      console.log(flags.json ? JSON.stringify(status) : renderStatus(status))
    })
  located(node.command('remove'))
    .summary('remove a standby and delete its copy of the data')
    .description(
      'Lets nobody count on the standby any more, waits until the others have all that it acknowledged and what\n' +
        'reads there has ended (10 s at most), stops it and deletes its copy of the data. Refused for a primary, and\n' +
        'where durability would be lost.',
    )
    .argument('<node>', 'name of the node')
    .option('-y, --yes', 'really delete its data')
    .option('--json', 'print the status as JSON afterwards')
    .addHelpText('after', examples('pgherd node remove main-3 --yes'))
    .action(async (name: string, flags: NodeFlags & { yes?: boolean }) => {
      const client = requireSupervisor(await locateHerd(flags))
      if (!flags.yes)
        throw new HerdError('CONFIRMATION_NEEDED', `Removing ${name} deletes its copy of the data.`, {
          hint: `Say so: pgherd node remove ${name} --yes`,
        })
      await client.removeNode(name, stepPrinter(flags.json === true))
      const status = await client.topology()
      console.log(flags.json ? JSON.stringify(status) : renderStatus(status))
    })
}

/** Each step once; a copy with every tenth of it. */
function stepPrinter(isQuiet: boolean): (job: Job) => void {
  let last = ''
  return ({ step, progress }) => {
    const part = progress === null ? '' : ` (${Math.floor(progress * 10) * 10} %)`
    const said = step === null ? '' : `${step}${part}`
    if (!isQuiet && said !== last && said !== '') console.error(said)
    last = said
  }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 5) return count
  throw new InvalidArgumentError('It must be a whole number from 1 to 5.')
}
