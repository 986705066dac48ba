import { expect, test } from 'vitest'
import { runSimulation } from './simulation/run-simulation.js'

const RUNS = Number(process.env.PGHERD_SIMULATION_RUNS ?? 2000)
const SEED = process.env.PGHERD_SIMULATION_SEED

test('no run of a group with faults breaks an invariant (I1, I2, I7, I10)', { timeout: 600_000 }, () => {
  if (SEED !== undefined) return replay(Number(SEED))
  const began = performance.now()
  let simulatedMs = 0
  for (let seed = 1; seed <= RUNS; seed++) {
    const result = runSimulation(seed)
    simulatedMs += result.simulatedMs
    if (result.violation !== null)
      expect.fail(
        `seed ${seed}: ${result.violation}\nPGHERD_SIMULATION_SEED=${seed} replays it with a trace.`,
      )
  }
  const seconds = (performance.now() - began) / 1000
  console.log(
    `${RUNS} runs, ${Math.round(simulatedMs / RUNS / 1000)} simulated seconds each, ${Math.round(RUNS / seconds)} runs/s`,
  )
})

function replay(seed: number): void {
  const result = runSimulation(seed, { tracing: true })
  console.log(result.trace.join('\n'))
  expect(result.violation).toBe(null)
}
