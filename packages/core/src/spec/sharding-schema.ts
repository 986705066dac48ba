import { z } from 'zod'
import { DEFAULT_VIRTUAL_NODES, KEY_FAMILIES, STRATEGIES } from '../sharding/index.js'
import { wholeNumber } from './whole-number.js'

// As in spec-schema.ts, messages complete the sentence "<field> must be ..., not <value>".

const GROUP_RULE = 'the name of a group'
const COLUMN_RULE = 'the name of a column'
const KEY_RULE = 'the name of a column, or a list of them'
const LIMIT_RULE = 'a number from 1 to 1000, or null'
const SPLIT_RULE = 'a whole number or text'

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL cannot stand in a name
const column = z.string(COLUMN_RULE).regex(/^[^\u0000]{1,63}$/, COLUMN_RULE)

const tableSchema = z.strictObject(
  {
    key: z
      .union([column, z.array(column).min(1, KEY_RULE).max(32, KEY_RULE)], KEY_RULE)
      .optional()
      .describe(
        'The shard key: the column by whose value each row is placed, or a list of several. Tables whose keys are equal have their rows beside each other.',
      ),
    kind: z
      .enum(['sharded', 'reference'], 'sharded or reference')
      .default('sharded')
      .describe('`sharded`: each row is on the shard of its key. `reference`: every shard has a full copy.'),
  },
  'a mapping',
)

/** What a spec may say of sharding. */
export const shardingSchema = z
  .strictObject(
    {
      strategy: z
        .enum(STRATEGIES, 'consistent-hash, modulo or range')
        .default('consistent-hash')
        .describe('How keys are placed; docs/sharding.md compares them.'),
      groups: z
        .array(z.string(GROUP_RULE), 'a list of groups')
        .min(1, 'a list of at least one group')
        .describe('The groups that are shards.'),
      home: z
        .string(GROUP_RULE)
        .optional()
        .describe(
          'The group of tables that are not named. Left out, it is the first group that is no shard.',
        ),
      tables: z
        .record(z.string(), tableSchema, 'a mapping of tables')
        .default({})
        .describe('Tables by name, with their schema in front where it is not `public`.'),
      virtualNodes: wholeNumber(1, 65_536)
        .optional()
        .describe(
          `Of consistent-hash: points of each shard on the ring. The more, the more even, and the larger the map. Left out, ${DEFAULT_VIRTUAL_NODES}.`,
        ),
      loadLimit: z
        .number(LIMIT_RULE)
        .min(1, LIMIT_RULE)
        .max(1000, LIMIT_RULE)
        .nullable()
        .optional()
        .describe(
          'Of consistent-hash: the most a shard may own, as a multiple of the mean. Left out or `null`: what the ring gives it.',
        ),
      keyType: z
        .enum(KEY_FAMILIES, 'integer, text or uuid')
        .optional()
        .describe('Of range: what the keys are.'),
      splits: z
        .array(z.union([z.int(SPLIT_RULE), z.string(SPLIT_RULE)], SPLIT_RULE), 'a list of split points')
        .optional()
        .describe('Of range: where the second shard begins, the third, and so on, in order.'),
      sequences: z
        .enum(['refuse', 'strided'], 'refuse or strided')
        .default('refuse')
        .describe(
          'Serial and identity columns of sharded tables. `refuse`: there are none. `strided`: the sequences of each shard give every 64th number, another on each.',
        ),
    },
    'a mapping',
  )
  .describe(
    'Which tables are spread over which groups. Fixed when the herd is made, but for `sequences`: a change of placement is a move, not an edit.',
  )

/** The section with every field right by itself. */
export type ParsedSharding = z.output<typeof shardingSchema>
