/** What can be wrong with a request: the `type` of RFC 9457 with its status and title. */
export const PROBLEMS = {
  'input-invalid': { status: 400, title: 'The request is not understood.' },
  'user-unknown': { status: 404, title: 'There is no such user.' },
  'order-unknown': { status: 404, title: 'There is no such order.' },
  'route-unknown': { status: 404, title: 'There is nothing at this address.' },
  'email-taken': { status: 409, title: 'The email address belongs to another user.' },
  'out-of-stock': { status: 409, title: 'There is not enough in stock.' },
  'order-differs': { status: 409, title: 'An order of other goods has this key already.' },
  'product-unknown': { status: 422, title: 'There is no such product.' },
  'not-reachable': { status: 503, title: 'The data cannot be reached just now.' },
  'outcome-unknown': { status: 503, title: 'It may have been done or not.' },
  internal: { status: 500, title: 'Something is broken here.' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemKind = keyof typeof PROBLEMS

/** A request that cannot be granted, and why. */
export class Problem extends Error {
  readonly kind: ProblemKind

  constructor(kind: ProblemKind, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.kind = kind
  }
}

export function unknownUser(userId: string): Problem {
  return new Problem('user-unknown', `There is no user ${userId}.`)
}
