import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('contestant-process.mjs', import.meta.url))
const PATIENCE_MS = 60_000

/** A contestant's process as seen from the one that conducts the benchmark. */
export class Contestant {
  #child = null
  #gone = null

  constructor({ name, file, options }) {
    this.name = name
    this.file = file
    this.options = options
  }

  async open() {
    this.#child = fork(PROGRAM, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#gone = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal))
    })
    await this.#tell({ command: 'open', file: this.file, options: this.options })
  }

  /** Rejects with what went wrong there, or when it neither answers nor fails. */
  run(workload, args) {
    return this.#tell({ command: 'run', workload, args })
  }

  async close() {
    if (this.#child === null) return
    if (this.#child.connected) await this.#tell({ command: 'close' }, 5000).catch(() => {})
    this.kill()
    await this.#gone
  }

  kill() {
    this.#child?.kill('SIGKILL')
  }

  #tell(message, patienceMs = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      const settle = (act) => {
        clearTimeout(timer)
        this.#child.off('message', onMessage)
        act()
      }
      const onMessage = ({ result, failure }) =>
        settle(() => (failure === undefined ? resolve(result) : reject(failureOf(failure))))
      const timer = setTimeout(
        () => settle(() => reject(new Error(`no answer within ${patienceMs / 1000} s`))),
        patienceMs,
      )
      this.#child.on('message', onMessage)
      this.#gone.then((how) => settle(() => reject(new Error(`its process ended (${how})`))))
      if (this.#child.connected) this.#child.send(message)
    })
  }
}

function failureOf({ message, code }) {
  const missing = code === 'ERR_MODULE_NOT_FOUND' && /'@pgherd\/client'|packages\/client\//.test(message)
  const [line] = message.split('\n')
  return new Error(missing ? '@pgherd/client is not built' : line)
}
