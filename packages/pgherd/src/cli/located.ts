import { type Command, Option } from 'commander'

/** The options by which a command finds its herd. */
export function located(command: Command): Command {
  return command
    .addOption(new Option('--state <dir>', 'folder of the state, instead of .pgherd here'))
    .addOption(new Option('--name <name>', 'which herd, where the folder holds several'))
}
