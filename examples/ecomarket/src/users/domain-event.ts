/** What happens to users, with what a consumer needs to know of it. */
export interface DomainEvents {
  UserRegistered: { email: string; name: string; city: string; country: string }
  ProfileChanged: { email?: string; name?: string; city?: string; country?: string }
  AddressAdded: { addressId: string; street: string; postalCode: string; city: string; country: string }
  OrderPlaced: { orderId: string; key: string; lines: { productId: number; quantity: number }[] }
}

export type EventKind = keyof DomainEvents

/** An event on its way: a union by `kind`. Ids are text, since they do not fit a JavaScript number. */
export type DomainEvent = {
  [Kind in EventKind]: {
    id: string
    userId: string
    /** 1, 2, 3, … of each user, in the order in which it happened. */
    seq: number
    kind: Kind
    /** ISO 8601. */
    happenedAt: string
    payload: DomainEvents[Kind]
  }
}[EventKind]
