import type { ChartOf } from './charts.js'

const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power)
/** No quarters: a figure is written with one digit after the point at most. */
const TENTHS_AND_MORE = Array.from({ length: 14 }, (_, power) =>
  [1, 2, 5].map((each) => (each * 10 ** power) / 10),
).flat()

/** The steps between the ticks of an axis that look round in a unit. */
export function tickSteps(unit: ChartOf['unit']): number[] {
  return unit === 'bytes' ? POWERS_OF_TWO : TENTHS_AND_MORE
}
