import { KEY_TYPES, STRATEGIES } from '@pgherd/core/sharding'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { examples } from './examples.js'
import type { CompareFlags } from './run-shard-compare.js'

/** `pgherd shard` and what is under it. */
export function addShard(program: Command): void {
  const shard = program
    .command('shard')
    .summary('see how rows would be spread over shards')
    .description('What there is to know about placing rows by a key.')
    .addHelpText('after', examples('pgherd shard compare', 'pgherd shard compare --help'))
  addCompare(shard)
}

function addCompare(shard: Command): void {
  shard
    .command('compare')
    .summary('compare the strategies: how even, and how much moves')
    .description(
      'Places the same keys by each strategy and tells how evenly the shards are filled, and how many keys\n' +
        'move when shards come or go. Needs no herd. Ranges are cut by the keys themselves, as well as can be.',
    )
    .option('--shards <count>', 'how many shards there are', wholeNumber(1, 1024), 4)
    .option('--keys <count>', 'how many keys to make up (100000)', wholeNumber(1, 10_000_000))
    .option('--input <file>', 'your own keys instead, one a line; "-" reads what is piped in')
    .addOption(
      new Option('--type <type>', 'type of the keys; of your own ones guessed, else int8').choices(KEY_TYPES),
    )
    .option('--add <count>', 'tell what moves when so many shards come', wholeNumber(1, 1024))
    .option('--remove [count]', 'tell what moves when so many shards go', wholeNumber(1, 1024))
    .addOption(new Option('--strategy <name...>', 'only these').choices(STRATEGIES))
    .option('--vnodes <count>', 'virtual nodes of a shard on the ring (4096)', wholeNumber(1, 65_536))
    .option('--load-limit <factor>', 'the most a shard may own of the ring, over the mean', parseLimit)
    .option('--svg <file>', 'also write it as a picture')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      examples(
        'pgherd shard compare',
        'pgherd shard compare --shards 8 --add 1 --keys 1000000',
        'pgherd shard compare --vnodes 64 --load-limit 1.1 --svg shards.svg',
        'psql -Atc "select user_id from orders" | pgherd shard compare --input -',
      ),
    )
    .action(async (flags: CompareFlags) => {
      const { runShardCompare } = await import('./run-shard-compare.js')
      await runShardCompare(flags)
    })
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

function parseLimit(text: string): number {
  const factor = Number(text)
  if (text.trim() !== '' && factor >= 1 && factor <= 1000) return factor
  throw new InvalidArgumentError('It must be a number from 1 to 1000, such as 1.1.')
}
