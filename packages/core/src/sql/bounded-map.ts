/**
 * A map that holds about so many bytes and forgets what was not asked for lately.
 *
 * Two generations: what is asked for moves to the young one; when that has half of the bytes it becomes the
 * old one, and the former old one is forgotten. A hit costs one look-up and no list of who was used when.
 */
export class BoundedMap<V> {
  private young = new Map<string, V>()
  private old = new Map<string, V>()
  private youngBytes = 0
  private oldBytes = 0
  private readonly halfBytes: number
  private readonly bytesOf: (key: string, value: V) => number

  constructor(maxBytes: number, bytesOf: (key: string, value: V) => number) {
    this.halfBytes = maxBytes / 2
    this.bytesOf = bytesOf
  }

  /** Entries held; one may be counted in both generations. */
  get size(): number {
    return this.young.size + this.old.size
  }

  /** Estimated bytes held. */
  get bytes(): number {
    return this.youngBytes + this.oldBytes
  }

  get(key: string): V | undefined {
    const found = this.young.get(key)
    if (found !== undefined) return found
    const aged = this.old.get(key)
    if (aged !== undefined) this.set(key, aged)
    return aged
  }

  /** Holds an entry, unless it alone is larger than a generation may be. */
  set(key: string, value: V): void {
    if (this.young.has(key)) return
    const bytes = this.bytesOf(key, value)
    if (bytes > this.halfBytes) return
    if (this.youngBytes + bytes > this.halfBytes) {
      this.old = this.young
      this.oldBytes = this.youngBytes
      this.young = new Map()
      this.youngBytes = 0
    }
    this.young.set(key, value)
    this.youngBytes += bytes
  }

  clear(): void {
    this.young.clear()
    this.old.clear()
    this.youngBytes = 0
    this.oldBytes = 0
  }
}
