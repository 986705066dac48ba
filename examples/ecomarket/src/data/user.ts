/** Somebody who buys. */
export interface User {
  id: number
  email: string
  name: string
  city: string
  /** ISO 3166-1 alpha-2. */
  country: string
  /** ISO 8601. */
  createdAt: string
}
