/** What visitors counted, over all of them. */
export interface ReadingCounts {
  /** Who answered: the nodes' own word. */
  pages: { standby: number; primary: number }
  carts: { standby: number; primary: number }
  /** Carts shown while no primary could say how far a standby must be to have all that was saved. */
  cartsMaybeBehind: number
  /** Carts in which the visitor did not find what they had done. */
  cartsWrong: number
  /** The visitor saw an error. */
  failed: number
}

export function startCounting(): ReadingCounts {
  return {
    pages: { standby: 0, primary: 0 },
    carts: { standby: 0, primary: 0 },
    cartsMaybeBehind: 0,
    cartsWrong: 0,
    failed: 0,
  }
}
