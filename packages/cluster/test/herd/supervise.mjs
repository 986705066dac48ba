// A supervisor and nothing else, for tests that kill it: supervise.mjs SPEC_AS_JSON STATE_DIR
import { openHerd } from '../../dist/index.js'

const [spec, stateDir] = process.argv.slice(2)
try {
  const herd = await openHerd({ spec: JSON.parse(spec), stateDir })
  process.send({ kind: 'open' })
  await herd.whenWhole(90_000)
  process.send({ kind: 'whole', status: await herd.status() })
  process.on('message', (order) => {
    if (order === 'stop') herd.stop().then(() => process.exit(0))
    if (order === 'switchover') herd.switchover('main').catch(() => {})
    if (order === 'add') herd.addNodes('main', 1).catch(() => {})
    if (order === 'remove') herd.removeNode('main-3').catch(() => {})
  })
} catch (error) {
  process.send({ kind: 'failed', code: error.code, message: error.message }, () => process.exit(1))
}
