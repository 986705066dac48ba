/** What can be wrong with a request: the `type` of RFC 9457 with its status and title. */
export const PROBLEMS = {
  'input-invalid': { status: 400, title: 'The request is not understood.' },
  'host-refused': { status: 403, title: 'This address is not served.' },
  'coin-unknown': { status: 404, title: 'There is no such coin.' },
  'route-unknown': { status: 404, title: 'There is nothing at this address.' },
  'price-missing': { status: 409, title: 'There is no price to trade at.' },
  'cash-short': { status: 409, title: 'There is not enough cash.' },
  'coins-short': { status: 409, title: 'There are not enough coins.' },
  'trade-too-small': { status: 409, title: 'The trade is worth less than a cent.' },
  'trade-differs': { status: 409, title: 'Another trade has this id already.' },
  'standby-missing': { status: 503, title: 'No standby runs just now.' },
  'not-reachable': { status: 503, title: 'The data cannot be reached just now.' },
  'outcome-unknown': { status: 503, title: 'It may have been done or not.' },
  'too-many': { status: 503, title: 'Too many are watching already.' },
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
