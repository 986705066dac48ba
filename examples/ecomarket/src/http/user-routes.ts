import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Pool } from '@pgherd/client'
import Type from 'typebox'
import { addAddress } from '../users/add-address.js'
import { changeCart, readCart } from '../users/cart.js'
import { changeProfile } from '../users/change-profile.js'
import { countCountries, listUsers } from '../users/list-users.js'
import { orderGoods } from '../users/order-goods.js'
import { Problem } from '../users/problem.js'
import { readOrder, readOrders } from '../users/read-orders.js'
import { readEvents, readUser } from '../users/read-user.js'
import { registerUser } from '../users/register-user.js'
import * as schemas from './schemas.js'

const DEFAULT_PAGE = 50

/** What may go wrong on the way to every answer. */
const WRONG = { 400: schemas.Problem, 503: schemas.Problem }
const ABOUT_USER = { ...WRONG, 404: schemas.Problem }

/** The users service. Every route about one user needs the shard of that user and no other. */
export function userRoutes(pool: Pool): FastifyPluginAsyncTypebox {
  return async (service) => {
    service.post(
      '/users',
      {
        schema: {
          summary: 'Register a user',
          tags: ['users'],
          body: schemas.Registration,
          response: { ...WRONG, 201: schemas.User, 409: schemas.Problem },
        },
      },
      async ({ body }, reply) => {
        const id = await registerUser(pool, { ...body, email: body.email.toLowerCase() })
        reply.status(201).header('location', `/users/${id}`)
        return readUser(pool, id)
      },
    )

    service.get(
      '/users',
      {
        schema: {
          summary: 'List users of all shards',
          description: 'Needs every shard: 503 while one is down.',
          tags: ['all shards'],
          querystring: schemas.PageQuery,
          response: { ...WRONG, 200: schemas.UserPage },
        },
      },
      async ({ query }) => {
        const limit = Number(query.limit ?? DEFAULT_PAGE)
        const users = await listUsers(pool, query.after ?? '0', limit)
        return { users, next: users.length === limit ? (users.at(-1)?.id ?? null) : null }
      },
    )

    service.get(
      '/countries',
      {
        schema: {
          summary: 'Count users by country',
          description: 'Needs every shard: 503 while one is down.',
          tags: ['all shards'],
          response: { ...WRONG, 200: schemas.Countries },
        },
      },
      () => countCountries(pool),
    )

    service.get(
      '/users/:id',
      {
        schema: {
          summary: 'Show a user',
          tags: ['users'],
          params: schemas.UserPath,
          response: { ...ABOUT_USER, 200: schemas.User },
        },
      },
      ({ params }) => readUser(pool, params.id),
    )

    service.patch(
      '/users/:id',
      {
        schema: {
          summary: 'Change a profile',
          tags: ['users'],
          params: schemas.UserPath,
          body: schemas.ProfileChange,
          response: { ...ABOUT_USER, 200: schemas.User, 409: schemas.Problem },
        },
      },
      async ({ params, body }) => {
        const email = body.email?.toLowerCase()
        await changeProfile(pool, params.id, email === undefined ? body : { ...body, email })
        return readUser(pool, params.id)
      },
    )

    service.post(
      '/users/:id/addresses',
      {
        schema: {
          summary: 'Add an address',
          tags: ['users'],
          params: schemas.UserPath,
          body: schemas.NewAddress,
          response: { ...ABOUT_USER, 201: schemas.User },
        },
      },
      async ({ params, body }, reply) => {
        await addAddress(pool, params.id, body)
        reply.status(201)
        return readUser(pool, params.id)
      },
    )

    service.get(
      '/users/:id/cart',
      {
        schema: {
          summary: 'Show a cart',
          description: 'Answered by a standby too when the shard has no primary; `mayBeBehind` says so.',
          tags: ['shop'],
          params: schemas.UserPath,
          response: { ...ABOUT_USER, 200: schemas.Cart },
        },
      },
      ({ params }) => readCart(pool, params.id),
    )

    service.put(
      '/users/:id/cart/:product',
      {
        schema: {
          summary: 'Put a product into a cart, or take it out with quantity 0',
          tags: ['shop'],
          params: schemas.CartPath,
          body: schemas.CartChange,
          response: { ...ABOUT_USER, 200: schemas.Cart, 422: schemas.Problem },
        },
      },
      async ({ params, body }) => {
        await changeCart(pool, params.id, Number(params.product), body.quantity)
        return readCart(pool, params.id)
      },
    )

    service.put(
      '/users/:id/orders/:key',
      {
        schema: {
          summary: 'Place an order',
          description: '201 the first time; 200 when it was there already.',
          tags: ['shop'],
          params: schemas.OrderPath,
          body: schemas.Goods,
          response: {
            ...ABOUT_USER,
            200: schemas.Order,
            201: schemas.Order,
            409: schemas.Problem,
            422: schemas.Problem,
          },
        },
      },
      async ({ params, body }, reply) => {
        const { lines } = body
        if (new Set(lines.map(({ productId }) => productId)).size < lines.length)
          throw new Problem('input-invalid', 'A product stands in the order twice.')
        const { order, isNew } = await orderGoods(pool, { userId: params.id, key: params.key, lines })
        reply.status(isNew ? 201 : 200)
        return order
      },
    )

    service.get(
      '/users/:id/orders',
      {
        schema: {
          summary: 'List the orders of a user',
          tags: ['shop'],
          params: schemas.UserPath,
          response: { ...ABOUT_USER, 200: Type.Array(schemas.Order) },
        },
      },
      ({ params }) => readOrders(pool, params.id),
    )

    service.get(
      '/users/:id/orders/:key',
      {
        schema: {
          summary: 'Show an order',
          tags: ['shop'],
          params: schemas.OrderPath,
          response: { ...ABOUT_USER, 200: schemas.Order },
        },
      },
      async ({ params }) => {
        const order = await readOrder(pool, params.id, params.key)
        if (order === null)
          throw new Problem('order-unknown', `There is no order ${params.key} of ${params.id}.`)
        return order
      },
    )

    service.get(
      '/users/:id/events',
      {
        schema: {
          summary: 'List what happened to a user, the latest first',
          tags: ['events'],
          params: schemas.UserPath,
          response: { ...ABOUT_USER, 200: schemas.Events },
        },
      },
      ({ params }) => readEvents(pool, params.id),
    )
  }
}
