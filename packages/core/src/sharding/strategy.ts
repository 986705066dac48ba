/** How the first shard map of a herd is drawn. */
export const STRATEGIES = ['consistent-hash', 'modulo', 'range'] as const
export type Strategy = (typeof STRATEGIES)[number]
