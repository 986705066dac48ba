// One contestant, in a process of its own so that nobody else's garbage is collected on its time. Opened
// once, it runs rounds as it is told, and ends with the process that started it.
import { WORKLOADS } from './workloads.mjs'

let contestant = null

const COMMANDS = {
  async open({ file, options }) {
    const { open } = await import(`./contestants/${file}.mjs`)
    contestant = await open(options)
  },
  run: ({ workload, args }) => WORKLOADS[workload](contestant, args),
  close: () => contestant?.close(),
}

process.on('message', async ({ command, ...rest }) => {
  try {
    process.send({ result: (await COMMANDS[command](rest)) ?? null })
  } catch (error) {
    process.send({ failure: { message: error.message || String(error), code: error.code ?? null } })
  }
})
process.on('disconnect', () => process.exit())
