// `npm pack` of pgherd has the dashboard's page in it: `copy` before, `remove` after, so that in this
// workspace the page is always the one that was built last.
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const BUILT = fileURLToPath(new URL('../packages/dashboard/dist', import.meta.url))
const PACKED = fileURLToPath(new URL('../packages/pgherd/page', import.meta.url))

rmSync(PACKED, { recursive: true, force: true })
if (process.argv[2] === 'copy') cpSync(BUILT, PACKED, { recursive: true })
