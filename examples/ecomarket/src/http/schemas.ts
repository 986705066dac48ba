import Type from 'typebox'

// What comes from outside is checked here, once. Texts have something in them and no control characters,
// which PostgreSQL would partly refuse; ids are text, since they do not fit a JavaScript number.

const TEXT = '^(?=.*\\S)[^\\u0000-\\u001f\\u007f]+$'
const text = (maxLength: number, example: string) =>
  Type.String({ maxLength, pattern: TEXT, examples: [example] })
const country = Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['GB'] })
const email = Type.String({ format: 'email', maxLength: 254, examples: ['ada@example.org'] })
// Below 9e18 all of them are 64 bits; `nextId` is there in 2092.
const id = Type.String({ pattern: '^([1-9][0-9]{0,17}|[1-8][0-9]{18})$', description: '64 bits, as text' })
const moment = Type.String({ format: 'date-time' })
const closed = { additionalProperties: false } as const

export const Registration = Type.Object(
  { email, name: text(200, 'Ada Lovelace'), city: text(200, 'London'), country },
  closed,
)

export const ProfileChange = Type.Object(
  {
    email: Type.Optional(email),
    name: Type.Optional(text(200, 'Ada King')),
    city: Type.Optional(text(200, 'Paris')),
    country: Type.Optional(country),
  },
  { ...closed, minProperties: 1 },
)

export const NewAddress = Type.Object(
  {
    street: text(200, '12 St James’s Square'),
    postalCode: text(20, 'SW1Y 4JH'),
    city: text(200, 'London'),
    country,
  },
  closed,
)

export const User = Type.Object({
  id,
  email: Type.String(),
  name: Type.String(),
  city: Type.String(),
  country: Type.String(),
  version: Type.Integer({ description: 'how many events there were' }),
  createdAt: moment,
  addresses: Type.Array(
    Type.Object({
      id,
      street: Type.String(),
      postalCode: Type.String(),
      city: Type.String(),
      country: Type.String(),
    }),
  ),
})

export const UserPage = Type.Object({
  users: Type.Array(Type.Object({ id, email: Type.String(), name: Type.String(), country: Type.String() })),
  next: Type.Union([id, Type.Null()], { description: '`after` of the next page' }),
})

export const PageQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,18}$', description: 'the last id of the page before' }),
    ),
    limit: Type.Optional(
      Type.String({ pattern: '^([1-9][0-9]?|100)$', description: '1 to 100', default: '50' }),
    ),
  },
  closed,
)

export const Countries = Type.Array(Type.Object({ country: Type.String(), users: Type.Integer() }))

export const UserPath = Type.Object({ id })
export const CartPath = Type.Object({ id, product: Type.String({ pattern: '^[1-9][0-9]{0,8}$' }) })
export const OrderPath = Type.Object({
  id,
  key: Type.String({ format: 'uuid', description: 'made by the buyer: the same order sent twice is one' }),
})

const quantity = (minimum: number) => Type.Integer({ minimum, maximum: 99 })

export const CartChange = Type.Object({ quantity: quantity(0) }, closed)

export const Cart = Type.Object({
  items: Type.Array(
    Type.Object({
      productId: Type.Integer(),
      title: Type.String(),
      priceCents: Type.Integer(),
      quantity: Type.Integer(),
    }),
  ),
  mayBeBehind: Type.Boolean({ description: 'no primary was there to ask' }),
})

export const Goods = Type.Object(
  {
    lines: Type.Array(
      Type.Object(
        { productId: Type.Integer({ minimum: 1, maximum: 0x7fff_ffff }), quantity: quantity(1) },
        closed,
      ),
      { minItems: 1, maxItems: 50 },
    ),
  },
  closed,
)

export const Order = Type.Object({
  id,
  key: Type.String({ format: 'uuid' }),
  totalCents: Type.Integer(),
  placedAt: moment,
  lines: Type.Array(
    Type.Object({
      productId: Type.Integer(),
      title: Type.String(),
      quantity: Type.Integer(),
      unitPriceCents: Type.Integer(),
    }),
  ),
})

/** An event of one kind, as it is delivered. */
const eventOf = <Kind extends string, Payload extends Type.TSchema>(kind: Kind, payload: Payload) =>
  Type.Object(
    {
      id,
      userId: id,
      seq: Type.Integer({ minimum: 1, description: '1, 2, 3, … of each user' }),
      kind: Type.Literal(kind),
      happenedAt: moment,
      payload,
    },
    closed,
  )

export const Event = Type.Union([
  eventOf('UserRegistered', Registration),
  eventOf('ProfileChanged', ProfileChange),
  eventOf('AddressAdded', Type.Object({ addressId: id, ...NewAddress.properties }, closed)),
  eventOf(
    'OrderPlaced',
    Type.Object({ orderId: id, key: Type.String({ format: 'uuid' }), lines: Goods.properties.lines }, closed),
  ),
])

export const Events = Type.Array(
  Type.Object({
    id,
    userId: id,
    seq: Type.Integer(),
    kind: Type.String(),
    happenedAt: moment,
    payload: Type.Unsafe<object>({ type: 'object', additionalProperties: true }),
    isDelivered: Type.Boolean(),
  }),
)

export const Notifications = Type.Array(
  Type.Object({ eventId: id, seq: Type.Integer(), text: Type.String() }),
)

/** RFC 9457. */
export const Problem = {
  description: 'what is wrong',
  content: {
    'application/problem+json': {
      schema: Type.Object({
        type: Type.String(),
        title: Type.String(),
        status: Type.Integer(),
        detail: Type.String(),
      }),
    },
  },
}
