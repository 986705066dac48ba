// Our proxy as a program: its options are in the file that is named.
import { readFileSync } from 'node:fs'

const { WireProxy } = await import('@pgherd/proxy').catch((error) => {
  console.error(error.code === 'ERR_MODULE_NOT_FOUND' ? '@pgherd/proxy is not built' : error.message)
  process.exit(1)
})
const proxy = await WireProxy.start(JSON.parse(readFileSync(process.argv[2], 'utf8')))
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    proxy.close().then(() => process.exit(0))
  })
