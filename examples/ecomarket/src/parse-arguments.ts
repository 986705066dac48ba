import { parseArgs } from 'node:util'
import { HerdError } from '@pgherd/core'
import { DEFAULT_OPTIONS, type RunOptions } from './run-options.js'

export const HELP = `Runs a marketplace on a herd of PostgreSQL servers, kills its primary again and again,
and accounts for every order that was acknowledged and every cart change that was promised.

  npm run demo -w examples/ecomarket -- [options]

  --seconds N   how long to trade (${DEFAULT_OPTIONS.seconds})
  --kills N     how often to kill the primary meanwhile, at most (${DEFAULT_OPTIONS.kills})
  --buyers N    how many place orders at the same time (${DEFAULT_OPTIONS.buyers})
  --visitors N  how many leaf through the catalogue and fill carts (${DEFAULT_OPTIONS.visitors})
  --seed N      for the data and for what is bought (${DEFAULT_OPTIONS.seed})
  --keep        keep the data in .pgherd beside herd.yaml and carry on with it next time;
                without it the data is in a temporary folder that is removed at the end
  --json        print the account as JSON
  --help, -h    show this

Exit code: 0 the account balances, 1 it does not or something failed, 2 used wrongly.
`

export interface Arguments {
  options: RunOptions
  keep: boolean
  json: boolean
  help: boolean
}

type NumberName = keyof RunOptions

const LIMITS: Readonly<Record<NumberName, readonly [low: number, high: number]>> = {
  seconds: [1, 86_400],
  kills: [0, 10_000],
  buyers: [1, 64],
  visitors: [0, 64],
  seed: [0, 0xffff_ffff],
}

/** Throws USAGE. */
export function parseArguments(args: readonly string[]): Arguments {
  const values = readFlags(args)
  const options = { ...DEFAULT_OPTIONS }
  for (const name of Object.keys(LIMITS) as NumberName[]) {
    const text = values[name]
    if (text !== undefined) options[name] = wholeNumber(name, text)
  }
  const { keep = false, json = false, help = false } = values
  return { options, keep, json, help }
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string' },
        kills: { type: 'string' },
        buyers: { type: 'string' },
        visitors: { type: 'string' },
        seed: { type: 'string' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new HerdError('USAGE', error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(name: NumberName, text: string): number {
  const [low, high] = LIMITS[name]
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= low && value <= high) return value
  throw new HerdError('USAGE', `--${name} takes a whole number from ${low} to ${high}, not "${text}".`)
}
