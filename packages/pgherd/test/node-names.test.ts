import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { done, newFolder, nodesOf, pgherd, SPEC } from './scratch-cli.js'

test('I9: pgherd node refuses what is no group or node, in words, and changes nothing', {
  timeout: 120_000,
}, async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}proxy: false\ngroups: [{ nodes: 1 }]\n`)
  await done(['up', '--detach'], { cwd })
  const before = await nodesOf(cwd)
  const cases: [string[], number, RegExp][] = [
    ...['main-2', '', '..', 'a/b?c#d%', "x'; --", 'Ünï🐘'].map((name): [string[], number, RegExp] => [
      ['remove', name, '--yes'],
      2,
      /^UNKNOWN_NODE: There is no node ".*"; this herd has main-1\.\n$/,
    ]),
    [['remove', 'x'.repeat(20_000), '--yes'], 2, /^USAGE: What is named is too long/],
    [['remove', 'main-1', '--yes'], 1, /^OPERATION_FAILED: main-1 is the primary of main\.\n/],
    [['remove', 'main-1'], 2, /^CONFIRMATION_NEEDED: .*\nSay so: pgherd node remove main-1 --yes\n$/],
    ...['', '../main', 'main/nodes'].map((name): [string[], number, RegExp] => [
      ['add', name],
      2,
      /^UNKNOWN_GROUP: There is no group ".*"; this herd has main\.\n$/,
    ]),
    ...['0', '6', '-1', '1.5', 'many'].map((count): [string[], number, RegExp] => [
      ['add', 'main', `--count=${count}`],
      2,
      /It must be a whole number from 1 to 5\./,
    ]),
  ]
  for (const [args, code, said] of cases)
    expect(await pgherd(['node', ...args], { cwd }), args.join(' ').slice(0, 100)).toMatchObject({
      code,
      stderr: expect.stringMatching(said),
    })
  expect(Object.keys(await nodesOf(cwd))).toEqual(Object.keys(before))
})
