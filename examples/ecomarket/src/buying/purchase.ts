/** What somebody has decided to buy. */
export interface Purchase {
  /** A UUID made before the first try: the order carries it, so that it can be looked up afterwards. */
  key: string
  userId: number
  /** One to four; by product id, ascending, so that two orders never wait for each other's stock. */
  lines: readonly PurchaseLine[]
}

export interface PurchaseLine {
  productId: number
  quantity: number
}
