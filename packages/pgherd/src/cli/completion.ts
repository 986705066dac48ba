import { HerdError } from '@pgherd/core'
import type { Command } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** A script that completes commands and options, made from the commands themselves. Throws USAGE. */
export function completionScript(program: Command, shell: string): string {
  const commands = program.commands
    .filter((command) => !(command as unknown as { _hidden?: boolean })._hidden)
    .map((command) => ({
      name: command.name(),
      summary: command.summary() || command.description(),
      words: [
        ...command.commands.map((sub) => sub.name()),
        ...[command, ...command.commands].flatMap((each) =>
          each.options.map((option) => option.long ?? option.short ?? ''),
        ),
        '--help',
      ],
    }))
  if (shell === 'bash') return bash(commands)
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`
  if (shell === 'fish') return fish(commands)
  throw new HerdError('USAGE', `There is no completion for "${shell}"; there is for ${SHELLS.join(', ')}.`)
}

interface Completed {
  name: string
  summary: string
  words: string[]
}

function bash(commands: readonly Completed[]): string {
  const cases = commands.map(({ name, words }) => `    ${name}) words='${words.join(' ')}' ;;`).join('\n')
  return `_pgherd() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words='${commands.map(({ name }) => name).join(' ')} --help --version'
  [ "$COMP_CWORD" -gt 1 ] && case "\${COMP_WORDS[1]}" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "\${#COMPREPLY[@]}" -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _pgherd pgherd
`
}

function fish(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  const lines = commands.flatMap(({ name, summary, words }) => [
    `complete -c pgherd -n "not __fish_seen_subcommand_from ${names}" -f -a ${name} -d '${summary.replaceAll("'", '’')}'`,
    ...words.map((word) =>
      word.startsWith('--')
        ? `complete -c pgherd -n "__fish_seen_subcommand_from ${name}" -l ${word.slice(2)}`
        : `complete -c pgherd -n "__fish_seen_subcommand_from ${name}" -f -a ${word}`,
    ),
  ])
  return `${lines.join('\n')}\n`
}
