import { PHASES, type Phase } from './group-memory.js'
import { CONDITIONS } from './observation.js'
import { STEPS, type Step } from './steps.js'

/**
 * Where a step may lead. `handover` gives the primary back or goes on; `replace` may stay, since it
 * revives in place where nobody may take over.
 */
const LEADS_TO: Readonly<Partial<Record<Step, readonly Phase[]>>> = {
  announce: ['steady'],
  replace: ['failing-over'],
  condemn: ['failing-over'],
  elect: ['promoting'],
  abandon: ['failing-over'],
  handover: ['promoting', 'failing-over', 'steady'],
}

/** Phases that change for another reason than the condition of the node they turn on. */
const BESIDE_THE_TABLE: readonly (readonly [Phase, Phase, string])[] = [
  ['steady', 'switching-over', 'switchover ordered'],
  ['steady', 'failing-over', 'failover ordered'],
  ['steady', 'promoting', 'rival adopted'],
]

/** The step table as Markdown, and under it the phases as a Mermaid state diagram. */
export function printSteps(): string {
  return `${printTable()}\n\n${printDiagram()}\n`
}

function printTable(): string {
  const lines = PHASES.map((phase) => row([phase, ...CONDITIONS.map((condition) => STEPS[phase][condition])]))
  return [row(['phase', ...CONDITIONS]), row(['phase', ...CONDITIONS].map(() => '---')), ...lines].join('\n')
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function printDiagram(): string {
  const arrows = PHASES.flatMap((from) =>
    PHASES.flatMap((to) => {
      const causes = causesOf(from, to)
      return causes.length === 0 ? [] : [`  ${idOf(from)} --> ${idOf(to)}: ${causes.join('; ')}`]
    }),
  )
  const names = PHASES.filter((phase) => idOf(phase) !== phase).map(
    (phase) => `  state "${phase}" as ${idOf(phase)}`,
  )
  return ['```mermaid', 'stateDiagram-v2', ...names, '  [*] --> forming', ...arrows, '```'].join('\n')
}

/** The steps that lead from one phase to another, each with the conditions under which it is taken. */
function causesOf(from: Phase, to: Phase): string[] {
  const steps = [...new Set(CONDITIONS.map((condition) => STEPS[from][condition]))]
  const taken = steps
    .filter((step) => from !== to && LEADS_TO[step]?.includes(to))
    .map(
      (step) => `${step} (${CONDITIONS.filter((condition) => STEPS[from][condition] === step).join(', ')})`,
    )
  const beside = BESIDE_THE_TABLE.filter(([f, t]) => f === from && t === to).map(([, , why]) => why)
  return [...taken, ...beside]
}

/** Mermaid takes no hyphen in the name of a state. */
function idOf(phase: Phase): string {
  return phase.replaceAll('-', '_')
}
