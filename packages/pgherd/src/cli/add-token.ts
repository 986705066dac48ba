import { type Command, InvalidArgumentError } from 'commander'
import { examples } from './examples.js'
import { type LocationOptions, locateHerd } from './herd-location.js'
import { located } from './located.js'

/** `pgherd token` and what is under it. */
export function addToken(program: Command): void {
  const token = program
    .command('token')
    .summary('give out and take back tokens for the control API')
    .description(
      'On any but a loopback address ("api.host" in the spec) the control API wants a token, and with\n' +
        '"api.tokens: always" everywhere. They are kept hashed, in a file that only you can read.',
    )
    .addHelpText(
      'after',
      examples('pgherd token create grafana --read-only', 'pgherd token list', 'pgherd token revoke grafana'),
    )
  located(token.command('create'))
    .summary('make a token and print it, once')
    .description('Makes a token and prints it. It is not shown again: only what it hashes to is kept.')
    .argument('<name>', 'what it is for')
    .option('--read-only', 'it may look and change nothing; nor may it run SQL')
    .option('--expires <duration>', 'for how long it is good: 90d, 12h, 30m', parseDuration)
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      examples('pgherd token create ops', 'pgherd token create page --read-only --expires 90d'),
    )
    .action(
      async (
        name: string,
        options: LocationOptions & { readOnly?: boolean; expires?: number; json?: boolean },
      ) => {
        const { TokenStore } = await import('../api/access/token-store.js')
        const { paths } = await locateHerd(options)
        const expiresAt = options.expires === undefined ? null : new Date(Date.now() + options.expires)
        const made = await new TokenStore(paths.tokens).create(name, {
          readOnly: options.readOnly === true,
          expiresAt,
        })
        if (options.json) console.log(JSON.stringify({ name, token: made, expiresAt }))
        else console.log(made)
      },
    )
  located(token.command('list'))
    .summary('show which tokens there are')
    .description('Shows the names of the tokens, what they may, and until when they are good.')
    .option('--json', 'print them as JSON')
    .addHelpText('after', examples('pgherd token list'))
    .action(async (options: LocationOptions & { json?: boolean }) => {
      const { listTokens } = await import('./list-tokens.js')
      await listTokens(await locateHerd(options), options.json === true)
    })
  located(token.command('revoke'))
    .summary('take a token back')
    .description('Takes a token back: from now on it is refused.')
    .argument('<name>', 'name of the token')
    .addHelpText('after', examples('pgherd token revoke grafana'))
    .action(async (name: string, options: LocationOptions) => {
      const { TokenStore } = await import('../api/access/token-store.js')
      await new TokenStore((await locateHerd(options)).paths.tokens).revoke(name)
      console.log(`The token "${name}" is not good any more.`)
    })
}

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }
const MOST_DAYS = 36_500

/** In milliseconds. */
function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const ms = Number(digits) * (UNITS_MS[unit] ?? 0)
  if (ms > 0 && ms <= MOST_DAYS * 86_400_000) return ms
  throw new InvalidArgumentError('It must be a number with m, h or d behind it: 30m, 12h, 90d.')
}
