import type { Herd } from '@pgherd/cluster'
import { HerdError, type HerdStatus } from '@pgherd/core'
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import { renderEvent } from './render-event.js'
import { renderStatus } from './render-status.js'
import { tailOf } from './tail-of.js'

const REDRAW_MS = 250
const EVENTS_SHOWN = 8
const LOG_LINES_SHOWN = 12
const KEYS = `${key('k')} kill the primary   ${key('s')} switch over   ${key('l')} server logs   ${key('q')} stop and quit`

/** The herd, drawn again and again in place, with keys to disturb it. Only for a terminal. */
export class LiveView {
  readonly #herd: Herd
  readonly #onQuit: () => void
  readonly #switchOverGroup: (group: string) => Promise<void>
  readonly #draw = createLogUpdate(process.stdout)
  #timer: NodeJS.Timeout | null = null
  #showLogs = false
  #notice = ''
  #drawing = false
  #stopped = false

  constructor(herd: Herd, onQuit: () => void, switchOver: (group: string) => Promise<void>) {
    this.#herd = herd
    this.#onQuit = onQuit
    this.#switchOverGroup = switchOver
  }

  start(): void {
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true)
      process.stdin.resume()
      process.stdin.on('data', this.#onKey)
    }
    this.#timer = setInterval(() => this.#redraw(), REDRAW_MS)
    this.#herd.onEvent(() => this.#redraw())
    this.#redraw()
  }

  /**
   * Prints text above the picture, where it stays and scrolls away like any output. A connection string
   * is longer than many terminals are wide: only what the terminal itself wraps can be copied whole.
   */
  print(text: string): void {
    this.#draw.clear()
    console.log(text)
    this.#redraw()
  }

  /** Gives the terminal back as it was; what was drawn last stays. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    if (this.#timer !== null) clearInterval(this.#timer)
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#onKey)
      process.stdin.setRawMode(false)
      process.stdin.pause()
    }
    this.#draw.done()
  }

  #redraw(): void {
    if (this.#drawing || this.#stopped) return
    this.#drawing = true
    this.#herd
      .status()
      .then((status) => {
        if (!this.#stopped) this.#draw(this.#render(status))
      })
      .catch(() => {})
      .finally(() => {
        this.#drawing = false
      })
  }

  #render(status: HerdStatus): string {
    const events = this.#herd.events.recent(EVENTS_SHOWN).map(renderEvent)
    const width = process.stdout.columns || 100
    const height = process.stdout.rows || 40
    const lines = [
      `${pc.bold(`pgherd ${this.#herd.name}`)}  ${this.#herd.isWhole() ? pc.green('all nodes serve') : pc.yellow('not whole yet')}`,
      '',
      ...renderStatus(status).split('\n'),
      '',
      ...this.#renderPrimaryDsn(),
      pc.dim('Last events'),
      ...events,
      ...(this.#showLogs ? ['', ...this.#renderLogs(status)] : []),
      ...(this.#notice === '' ? [] : ['', this.#notice]),
      '',
      KEYS,
    ]
    return fitLines(lines, width, height - 1).join('\n')
  }

  #renderPrimaryDsn(): string[] {
    const primary = this.#herd.primaryOf()
    return primary === null
      ? []
      : [`${pc.dim(`${primary.name}, primary now:`)}  ${this.#herd.dsn(primary.name)}`, '']
  }

  #renderLogs(status: HerdStatus): string[] {
    const nodes = status.groups.flatMap((group) => group.nodes)
    const perNode = Math.max(2, Math.floor(LOG_LINES_SHOWN / Math.max(1, nodes.length)))
    return nodes.flatMap(({ name }) => [
      pc.dim(`Log of ${name} (${this.#herd.logFile(name)})`),
      ...tailOf(this.#herd.logFile(name), perNode),
    ])
  }

  readonly #onKey = (data: Buffer): void => {
    const pressed = data.toString('utf8')
    if (pressed === 'q' || pressed === '\u0003' || pressed === '\u0004') this.#onQuit()
    else if (pressed === 'k') this.#killPrimary()
    else if (pressed === 's') this.#switchOver()
    else if (pressed === 'l') {
      this.#showLogs = !this.#showLogs
      this.#redraw()
    }
  }

  #killPrimary(): void {
    const primary = this.#herd.primaryOf()
    if (primary === null) this.#tell('There is no primary to kill yet.')
    else this.#run(() => this.#herd.disturb(primary.name, 'kill'))
  }

  #switchOver(): void {
    const group = this.#herd.spec.groups[0]
    if (group !== undefined) this.#run(() => this.#switchOverGroup(group.name))
  }

  #run(action: () => Promise<void>): void {
    this.#tell('')
    action().catch((error: unknown) => {
      this.#tell(
        error instanceof HerdError ? [error.message, error.hint].filter(Boolean).join(' ') : String(error),
      )
    })
  }

  #tell(notice: string): void {
    this.#notice = notice === '' ? '' : pc.yellow(notice)
    this.#redraw()
  }
}

function key(name: string): string {
  return pc.inverse(` ${name} `)
}

/** What does not fit is cut, not wrapped: a wrapped line would push the picture out of place. */
function fitLines(lines: readonly string[], width: number, height: number): string[] {
  const fitting = lines.length <= height ? lines : [...lines.slice(0, Math.max(1, height - 2)), '', KEYS]
  return fitting.map((line) => cutVisible(line, width))
}

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

function cutVisible(line: string, width: number): string {
  if (line.replace(ESCAPES, '').length <= width) return line
  let visible = 0
  let cut = ''
  for (const part of line.split(new RegExp(`(${ESCAPES.source})`))) {
    if (part.startsWith('\u001b[')) {
      cut += part
      continue
    }
    const room = Math.max(0, width - 1 - visible)
    cut += part.length > room ? `${part.slice(0, room)}${room > 0 ? '…' : ''}` : part
    visible += part.length > room ? width : part.length
  }
  return cut
}
