import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { done, newFolder, pgherd, start } from './scratch-cli.js'

const COMMANDS = [
  'init',
  'up',
  'status',
  'down',
  'dsn',
  'logs',
  'sql',
  'failover',
  'switchover',
  'chaos',
  'node',
  'open',
  'token',
  'proxy',
  'shard',
  'completion',
]

test.each(COMMANDS)('pgherd %s --help describes it with examples', async (command) => {
  const help = await done([command, '--help'], { cwd: newFolder() })
  expect(help).toContain(`Usage: pgherd ${command}`)
  expect(help).toMatch(new RegExp(`Examples:\\n.*pgherd ${command}`))
  expect(help).not.toContain('\u001b')
})

test('the help of the program names every command, and only those', async () => {
  const help = await done(['--help'], { cwd: newFolder() })
  const named = [...help.matchAll(/^ {2}([a-z]+)(?: \[| <| )/gm)].map((match) => match[1])
  expect(named.filter((name) => name !== 'pgherd' && name !== 'help')).toEqual(COMMANDS)
  expect(await done(['--version'], { cwd: newFolder() })).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test.each([
  [['frobnicate'], /unknown command 'frobnicate'/],
  [['up', '--nope'], /unknown option '--nope'/],
  [['up', 'one', 'two'], /too many arguments/],
  [['up', '--port', '80'], /number from 1024 to 65535, or "auto"/],
  [['up', '--port', '12x'], /number from 1024 to 65535, or "auto"/],
  [['chaos'], /missing required argument 'action'/],
  [['chaos', 'burn', 'main-1'], /Allowed choices are kill, pause, resume/],
  [['failover'], /missing required argument 'group'/],
  [['sql'], /missing required argument 'text'/],
  [['logs', '--lines', 'many'], /whole number/],
  [['proxy'], /USAGE: No node is named for the proxy.*\nName them with --nodes/],
  [['proxy', '--nodes', 'nonsense'], /OPTIONS_INVALID/],
  [['proxy', '--nodes', 'postgres://a/b', '--port', '80'], /number from 1024 to 65535, or "auto"/],
  [['proxy', '--nodes', 'postgres://a/b', '--workers', '65'], /whole number from 1 to 64, or "auto"/],
  [['proxy', '--nodes', 'postgres://a/b', '--lanes', '0'], /whole number from 1/],
  [['proxy', '--nodes', 'postgres://a/b', '--metrics', 'here'], /must be a port, or host:port/],
  [['proxy', '--nodes', 'postgres://a/b', '--tls-cert', 'a.pem'], /both --tls-cert and --tls-key/],
  [
    ['proxy', '--nodes', 'postgres://a/b', '--tls-cert', 'a.pem', '--tls-key', 'k.pem'],
    /OPTIONS_INVALID: The file a\.pem, named for TLS, cannot be read \(ENOENT\)/,
  ],
  [['proxy', '--config', 'no.yaml'], /SPEC_NOT_FOUND: The file no\.yaml cannot be read/],
  [['completion', 'tcsh'], /there is for bash, zsh, fish/],
  [['init', 'NOT A NAME'], /cannot be called "NOT A NAME"/],
  [
    ['up', 'missing.yaml'],
    /SPEC_NOT_FOUND: There is no spec file missing\.yaml\.\nWrite one with "pgherd init"/,
  ],
  [['up', '.'], /is a folder, not a spec file/],
])('I9: %j is used wrongly: one sentence, exit code 2', async (args, sentence) => {
  const { code, stdout, stderr } = await pgherd(args, { cwd: newFolder() })
  expect(code).toBe(2)
  expect(stderr).toMatch(sentence)
  expect(stdout).toBe('')
})

test.each([
  ['status'],
  ['down'],
  ['dsn'],
  ['logs'],
  ['sql', 'select 1'],
  ['failover', 'main'],
  ['chaos', 'kill', 'main-1'],
])('I9: where there is no herd, %s says so and exits with 1', async (...args) => {
  const { code, stderr } = await pgherd(args, { cwd: newFolder() })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^HERD_NOT_FOUND: There is no herd in .*\.pgherd\.\nMake one with "pgherd up"/)
})

test('init writes a spec that up takes, once', async () => {
  const cwd = newFolder()
  expect(await done(['init', 'shop'], { cwd })).toContain('pgherd up')
  const text = readFileSync(join(cwd, 'herd.yaml'), 'utf8')
  expect(text).toContain('name: shop')
  const again = await pgherd(['init', 'other'], { cwd })
  expect(again).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is there already; it was not touched'),
  })
  expect(readFileSync(join(cwd, 'herd.yaml'), 'utf8')).toBe(text)
  expect(await pgherd(['init', '--file', 'no/such/folder.yaml'], { cwd })).toMatchObject({ code: 1 })
})

test.each([
  ['name: a\ngruops: []\n', /bad\.yaml:2:1: unknown key "gruops".*did you mean "groups"/],
  ['name: a\npostgres:\n  version: 9\n', /bad\.yaml:3:12: postgres\.version must be 15, 16, 17 or 18/],
  ['name: [\n', /bad\.yaml:\d+:\d+: /],
  ['name: a\nname: b\n', /bad\.yaml:2:1: /],
  ['port: 5440\n', /bad\.yaml:\d+:\d+: name/],
  [
    'name: a\npostgres: { settings: { port: 1 } }\n',
    /bad\.yaml:2:\d+: .*pgherd gives every node its own port/,
  ],
  ['', /bad\.yaml:1:1: /],
])('I9: the spec %j is refused with file, line and column', async (text, sentence) => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'bad.yaml'), text)
  for (const args of [
    ['up', 'bad.yaml'],
    ['up', 'bad.yaml', '--detach'],
  ]) {
    const { code, stderr } = await pgherd(args, { cwd })
    expect(code).toBe(2)
    expect(stderr).toMatch(sentence)
  }
  const { stderr } = await pgherd(['up', 'bad.yaml', '--json'], { cwd })
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'SPEC_INVALID', retryable: false } })
})

test.each(['bash', 'zsh', 'fish'])(
  'the completion script for %s is one, and offers every command',
  async (shell) => {
    const cwd = newFolder()
    const script = await done(['completion', shell], { cwd })
    for (const command of COMMANDS) expect(script).toContain(command)
    expect(script).not.toContain('supervise')
    if (shell === 'fish') return
    writeFileSync(join(cwd, 'script'), script)
    execFileSync('bash', ['-n', join(cwd, 'script')])
  },
)

test('completion in bash offers commands first, then options and actions', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'script'), await done(['completion', 'bash'], { cwd }))
  const complete = (...words: string[]): string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const program = `source ./script; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _pgherd; echo "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', program], { cwd, encoding: 'utf8' }).trim().split(' ')
  }
  expect(complete('pgherd', 'sw')).toEqual(['switchover'])
  expect(complete('pgherd', 'up', '--de')).toEqual(['--detach'])
  expect(complete('pgherd', 'switchover', '--t')).toEqual(['--to'])
})

test('a reader that goes away early is no reason for a stack trace', async () => {
  const cwd = newFolder()
  const started = start(['--help'], { cwd })
  started.child.stdout?.destroy()
  const { stderr } = await started.ended
  expect(stderr).toBe('')
})

test('I9: a state folder that is a file is refused with its path', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, '.pgherd'), '')
  for (const args of [['up'], ['up', '--detach']]) {
    const { code, stderr } = await pgherd([...args, '--port', 'auto'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^PERMISSION_DENIED: .*\.pgherd.* cannot be made: there is a file in the way/)
  }
})

test('I9: state that is damaged is refused, and named', async () => {
  const cwd = newFolder()
  mkdirSync(join(cwd, '.pgherd/herd'), { recursive: true })
  writeFileSync(join(cwd, '.pgherd/herd/herd.json'), '{ "format": 1')
  for (const args of [['status'], ['down'], ['up', '--detach']]) {
    const { code, stderr } = await pgherd(args, { cwd })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^STATE_UNREADABLE: .*herd\.json is not a state file/)
  }
})
