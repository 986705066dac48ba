import Type from 'typebox'
import { COINS } from '../coins.js'
import { INTERVALS, MOST_CANDLES } from '../market/read-candles.js'
import { WINDOWS } from '../market/read-volume.js'

// What comes from outside is checked here, once.

const closed = { additionalProperties: false } as const
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const moment = Type.String({ description: 'ISO 8601', examples: ['2026-11-22T06:00:00+00:00'] })
const uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
const oneOf = <Name extends string>(names: readonly Name[], fallback: Name) =>
  Type.Unsafe<Name>(Type.String({ enum: names, default: fallback }))

/** Who an answer came from. */
const FROM = {
  node: Type.String({ description: 'Which node answered: its own word', examples: ['crypto-2'] }),
  role: Type.Unsafe<'primary' | 'standby'>(Type.String({ enum: ['primary', 'standby'] })),
}

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong, one sentence' }),
  },
  { description: 'RFC 9457' },
)

const coin = Type.String({
  pattern: '^[A-Z0-9]{1,10}$',
  description: 'A symbol in capitals',
  examples: [COINS[0]?.symbol],
})

export const CandleQuery = Type.Object(
  {
    coin,
    interval: Type.Optional(oneOf(Object.keys(INTERVALS) as (keyof typeof INTERVALS)[], '1m')),
    from: Type.Optional(
      Type.String({
        description: `ISO 8601 with an offset; at most ${MOST_CANDLES} candles from there on. By itself: the last 90.`,
        examples: ['2026-11-22T06:00:00Z'],
      }),
    ),
  },
  closed,
)

export const VolumeQuery = Type.Object(
  { window: Type.Optional(oneOf(Object.keys(WINDOWS) as (keyof typeof WINDOWS)[], '1h')) },
  closed,
)

export const TradeOrder = Type.Object(
  {
    id: Type.Optional({
      ...uuid,
      description: 'Made by you: sent again, it is still one trade. By itself: a new one.',
    } as typeof uuid),
    side: Type.Unsafe<'buy' | 'sell'>(Type.String({ enum: ['buy', 'sell'] })),
    coin,
    quantity: Type.String({
      pattern: '^(?=.*[1-9])[0-9]{1,9}(\\.[0-9]{1,8})?$',
      description: 'A decimal number above 0, as text, with at most 8 decimals',
      examples: ['0.25'],
    }),
  },
  closed,
)

export const NoQuery = Type.Object({}, closed)

export const Prices = Type.Object({
  ...FROM,
  prices: Type.Array(
    Type.Object({
      coin: Type.String(),
      name: Type.String(),
      price: nullable(Type.Number()),
      at: nullable(moment),
      volume: nullable(Type.Number({ description: 'Dollars traded in the last second' })),
      priceBefore: nullable(Type.Number({ description: 'The first price of the last hour' })),
    }),
  ),
})

export const Candles = Type.Object({
  ...FROM,
  coin: Type.String(),
  interval: Type.String(),
  candles: Type.Array(
    Type.Object({
      at: moment,
      open: Type.Number(),
      high: Type.Number(),
      low: Type.Number(),
      close: Type.Number(),
      volume: Type.Number({ description: 'Dollars traded' }),
      prices: Type.Integer({ description: 'How many prices it is made of' }),
    }),
  ),
})

export const Volume = Type.Object({
  ...FROM,
  window: Type.String(),
  volume: Type.Array(Type.Object({ coin: Type.String(), volume: Type.Number() })),
})

const Trade = Type.Object({
  id: uuid,
  at: moment,
  side: Type.String(),
  coin: Type.String(),
  quantity: Type.Number(),
  price: Type.Number(),
  total: Type.Number(),
})

export const Portfolio = Type.Object({
  ...FROM,
  cash: Type.Number(),
  holdings: Type.Array(
    Type.Object({
      coin: Type.String(),
      quantity: Type.Number(),
      cost: Type.Number({ description: 'Paid for what is still held' }),
      value: nullable(Type.Number()),
    }),
  ),
  trades: Type.Array(Trade),
})

export const TradeMade = Type.Object({
  ...FROM,
  trade: Trade,
  session: Type.String({
    description: 'Send it back as x-session, and the portfolio you read has this trade in it',
  }),
})

export const SessionHeader = Type.Object({
  'x-session': Type.Optional(Type.String({ maxLength: 1000 })),
})

export const Replication = Type.Object({
  node: Type.String({ description: 'The herd, whose supervisor answered' }),
  role: Type.Literal('supervisor'),
  epoch: Type.Integer(),
  phase: Type.String(),
  stalled: nullable(Type.String()),
  nodes: Type.Array(
    Type.Object({
      name: Type.String(),
      role: Type.String(),
      state: Type.String(),
      lsn: nullable(Type.String()),
      lagBytes: nullable(Type.Number()),
      lagMs: nullable(Type.Number()),
      sync: nullable(Type.String()),
    }),
  ),
})

export const Probe = Type.Object({
  node: Type.String({ description: 'The standby that was watched' }),
  role: Type.String(),
  id: uuid,
  writtenOn: Type.String(),
  writtenAt: moment,
  writeMs: Type.Number({ description: 'Until the primary acknowledged the row' }),
  appeared: Type.Boolean(),
  visibleAfterMs: Type.Number({ description: 'From then until the standby showed it' }),
  polls: Type.Integer({ description: 'How often the standby was asked' }),
})

export const Status = Type.Object({
  start: Type.Object({
    at: moment,
    prices: Type.Integer({ description: 'How many there were before; 0: the first start' }),
    since: nullable(moment),
    standby: nullable(Type.String()),
    standbyLsn: nullable(Type.String({ description: 'How far the standby had replayed' })),
  }),
  collector: Type.Object({
    source: Type.String(),
    state: Type.String(),
    troubles: Type.Array(Type.String()),
    waitingSeconds: Type.Integer(),
    storedUntil: nullable(moment),
  }),
  keepHours: nullable(Type.Integer({ description: 'Older prices are removed; null: none is' })),
})
