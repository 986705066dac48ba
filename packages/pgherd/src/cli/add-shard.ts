import { KEY_TYPES, STRATEGIES } from '@pgherd/core/sharding'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { examples } from './examples.js'
import { located } from './located.js'
import type { CheckFlags } from './run-shard-check.js'
import type { CompareFlags } from './run-shard-compare.js'
import type { MapFlags } from './run-shard-map.js'
import type { StatsFlags } from './run-shard-stats.js'
import type { WhereFlags } from './run-shard-where.js'

/** `pgherd shard` and what is under it. */
export function addShard(program: Command): void {
  const shard = program
    .command('shard')
    .summary('see how rows are spread over shards')
    .description('What there is to know about placing rows by a key.')
    .addHelpText(
      'after',
      examples(
        'pgherd shard map',
        'pgherd shard where users 4711',
        'pgherd shard check',
        'pgherd shard compare --help',
      ),
    )
  addMap(shard)
  addWhere(shard)
  addStats(shard)
  addCheck(shard)
  addCompare(shard)
}

function addMap(shard: Command): void {
  located(shard.command('map'))
    .summary('show which group has how much of the line, and the tables')
    .description(
      'Shows the shard map in force, which a running herd is asked for: its epoch, what each group holds of it,\n' +
        'and how tables are placed. With a spec, the map that a herd made from it begins with; that needs no herd.',
    )
    .argument('[spec]', 'spec file')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      examples('pgherd shard map', 'pgherd shard map herd.yaml', 'pgherd shard map --json'),
    )
    .action(async (file: string | undefined, flags: MapFlags) => {
      const { runShardMap } = await import('./run-shard-map.js')
      await runShardMap(file, flags)
    })
}

function addWhere(shard: Command): void {
  located(shard.command('where'))
    .summary('tell which shard has the rows of a key')
    .description(
      'Tells on which shard the rows of a key are, or would be, and the position of the key. The types of the\n' +
        'columns are asked from a running shard. A key of several columns has a value for each, in their order.',
    )
    .argument('<table>', 'the table, with its schema in front where it is not "public"')
    .argument('[key...]', 'value of each column of the key')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      examples(
        'pgherd shard where users 4711',
        'pgherd shard where shop.lines 7 12',
        'pgherd shard where users -- -5',
      ),
    )
    .action(async (table: string, key: string[], flags: WhereFlags) => {
      const { runShardWhere } = await import('./run-shard-where.js')
      await runShardWhere(table, key, flags)
    })
}

function addStats(shard: Command): void {
  located(shard.command('stats'))
    .summary('count rows and bytes of each shard and table')
    .description(
      'Shows what each shard holds of each table, and how much the fullest is above the mean. Rows are those of\n' +
        'the last ANALYZE, unless they are counted; bytes are with indexes and what is stored out of line.',
    )
    .option('--exact', 'count the rows, which reads every table')
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples('pgherd shard stats', 'pgherd shard stats --exact --json'))
    .action(async (flags: StatsFlags) => {
      const { runShardStats } = await import('./run-shard-stats.js')
      await runShardStats(flags)
    })
}

function addCheck(shard: Command): void {
  located(shard.command('check'))
    .summary('look for what is not alike on all shards, and for rows where they do not belong')
    .description(
      'Compares what shards have of the tables that are spread (columns, constraints, indexes, triggers, policies,\n' +
        'sequences, rights), functions and types of all groups, the columns in the federation database, and the\n' +
        'copies of reference tables; and looks for rows on shards that do not own them. Changes nothing.\n' +
        'Exits with 1 where it finds anything.',
    )
    .option('--no-rows', 'do not read tables: leave out copies of reference tables and where rows are')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      examples('pgherd shard check', 'pgherd shard check --no-rows', 'pgherd shard check --json'),
    )
    .action(async (flags: CheckFlags) => {
      const { runShardCheck } = await import('./run-shard-check.js')
      process.exitCode = await runShardCheck(flags)
    })
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
