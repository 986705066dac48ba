import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { Refusal } from '../problem.js'
import type { TokenStore } from './token-store.js'

/** Who asks. */
export interface Caller {
  /** The name of the token, or one of `CALLERS_WITHOUT_TOKEN`. */
  readonly who: string
  readonly from: string
  readonly mayAct: boolean
}

export interface GuardOptions {
  /** Where it listens; null: only on the herd's socket. */
  readonly host: string | null
  readonly isTls: boolean
  /** On a loopback address too. */
  readonly alwaysTokens: boolean
  readonly tokens: TokenStore
  /** It came over the herd's socket, which only its owner can open. */
  readonly isOwn: (message: IncomingMessage) => boolean
}

/** Who has shown no token where one is needed, or was not let in. */
export const NOBODY = 'nobody'
/** Commands, who is on this machine, and strangers: no token has such a name. */
export const CALLERS_WITHOUT_TOKEN: readonly string[] = ['socket', 'loopback', NOBODY]

const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Whether an address is of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Says who asks, or refuses.
 *
 * On a loopback address whoever is on this machine may ask, so a web page must be kept from asking in their name:
 * the Host header must be a local name (else a name of the page's own could be made to lead here: DNS rebinding),
 * and Origin, which browsers send with all that is not a plain look, must be our own. Elsewhere a token is needed,
 * which no page of others has.
 */
export class Guard {
  readonly #options: GuardOptions
  readonly #needsToken: boolean

  constructor(options: GuardOptions) {
    this.#options = options
    this.#needsToken = options.alwaysTokens || (options.host !== null && !isLoopback(options.host))
  }

  /** `isOpen`: what anybody may see, such as the page itself, which then asks for a token. */
  async admit(request: FastifyRequest, isOpen: boolean): Promise<Caller> {
    if (this.#options.isOwn(request.raw)) return { who: 'socket', from: 'socket', mayAct: true }
    this.#checkHost(request.headers.host)
    this.#checkOrigin(request)
    if (changes(request)) checkMediaType(request.headers['content-type'])
    return this.#caller(request, isOpen)
  }

  async #caller({ headers, ip }: FastifyRequest, isOpen: boolean): Promise<Caller> {
    const { authorization } = headers
    if (authorization === undefined) {
      if (!this.#needsToken) return { who: 'loopback', from: ip, mayAct: true }
      if (isOpen) return { who: NOBODY, from: ip, mayAct: false }
      throw new Refusal(401, 'TOKEN_NEEDED', 'A token is needed here.', {
        hint: 'Make one with "pgherd token create NAME" and send it: Authorization: Bearer TOKEN',
      })
    }
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? []
    const token = given === '' ? null : await this.#options.tokens.find(given, new Date())
    if (token === null)
      throw new Refusal(401, 'TOKEN_NEEDED', 'This token is not known, or has expired.', {
        hint: 'See "pgherd token list".',
      })
    return { who: token.name, from: ip, mayAct: !token.readOnly }
  }

  #checkHost(host: string | undefined): void {
    const { host: own } = this.#options
    // Elsewhere the token is what counts, and names that lead here are not ours to know.
    if (own === null || !isLoopback(own)) return
    const name = (host ?? '').replace(/:\d+$/, '').toLowerCase()
    if (LOCAL_NAMES.has(name) || name === own || name === `[${own}]`) return
    throw new Refusal(403, 'NOT_ALLOWED', `This is not ${JSON.stringify(host ?? '')}.`, {
      hint: 'Ask by the address that "pgherd status" shows.',
    })
  }

  #checkOrigin({ headers }: FastifyRequest): void {
    const { origin, host } = headers
    if (origin === undefined || origin === `${this.#options.isTls ? 'https' : 'http'}://${host}`) return
    throw new Refusal(403, 'NOT_ALLOWED', `Pages of ${JSON.stringify(origin)} may not ask here.`)
  }
}

/** Throws NOT_ALLOWED for who may only look and is about to do more. */
export function refuseLookers(request: FastifyRequest): void {
  const { caller, routeOptions } = request
  if (caller.mayAct || !(changes(request) || routeOptions.config.isForActors)) return
  throw new Refusal(403, 'NOT_ALLOWED', `The token "${caller.who}" may only look.`, {
    hint: 'Make one that may act: pgherd token create NAME',
  })
}

function changes({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/** A page of others can have a browser send forms and plain text without asking, and no JSON. */
function checkMediaType(type: string | undefined): void {
  if (type !== undefined && /^application\/json\s*(;|$)/i.test(type)) return
  throw new Refusal(415, 'USAGE', 'The request must be JSON, with "content-type: application/json".')
}
