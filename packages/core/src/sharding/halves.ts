/**
 * A 64-bit whole number as two signed 32-bit halves. Millions of keys are placed a second, and a BigInt
 * for each would cost more than hashing it.
 */
export interface Halves {
  high: number
  low: number
}

/** The number as PostgreSQL's bigint has it. */
export function toBigInt({ high, low }: Halves): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

/** Takes the lowest 64 bits. */
export function fromBigInt(value: bigint): Halves {
  return { high: Number(BigInt.asIntN(32, value >> 32n)), low: Number(BigInt.asIntN(32, value)) }
}
