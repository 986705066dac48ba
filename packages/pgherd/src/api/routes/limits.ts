/** How often one caller may ask for what is costly; who asks over the herd's socket may always. */
export function rateLimit(max: number, timeWindow: string) {
  return { rateLimit: { max, timeWindow } }
}
