// What the API answers, as its schemas promise it (../../src/http/schemas.ts); /docs shows the same.
import type { Static } from 'typebox'
import type * as schemas from '../../src/http/schemas.js'
import type { Frame as SentFrame } from '../../src/replication/live-feed.js'

export type Candles = Static<typeof schemas.Candles>
export type Candle = Candles['candles'][number]
export type Volume = Static<typeof schemas.Volume>
export type Portfolio = Static<typeof schemas.Portfolio>
export type Trade = Portfolio['trades'][number]
export type TradeMade = Static<typeof schemas.TradeMade>
export type Replication = Static<typeof schemas.Replication>
export type HerdNode = Replication['nodes'][number]
export type Probe = Static<typeof schemas.Probe>
export type Status = Static<typeof schemas.Status>

export type Frame = SentFrame
export type Price = NonNullable<Frame['market']>['rows'][number]

/** Whose word an answer is. */
export type From = Pick<NonNullable<Frame['market'] | Frame['replication']>, 'node' | 'role'>
