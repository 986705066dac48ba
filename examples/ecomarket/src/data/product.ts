/** Something that is sold, and how much of it there is to begin with. */
export interface Product {
  id: number
  category: string
  title: string
  priceCents: number
  /** 1 is what most people buy; no two products share one. */
  popularityRank: number
  stock: number
  /** ISO 8601. */
  createdAt: string
}
