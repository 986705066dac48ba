import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasChromium, launch, openPage } from './chromium.js'
import { ScratchHerd } from './scratch-herd.js'

const SPEC = `
name: seen
port: auto
proxy: false
api: { port: auto, tokens: always }
postgres: { settings: { shared_buffers: 16MB } }
groups: [{ name: main, nodes: 2 }]
`
const MAY_NOT = 'Your token may only look'

let browser: Browser
let herd: ScratchHerd

describe.skipIf(!hasChromium())('who has a token that may only look', () => {
  beforeAll(async () => {
    herd = new ScratchHerd(SPEC)
    ;[browser] = await Promise.all([launch(), herd.up()])
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await herd?.destroy()
  }, 60_000)

  async function signedIn(token: string): Promise<Awaited<ReturnType<typeof openPage>>> {
    const opened = await openPage(browser, herd.url, 'herd')
    const { page } = opened
    await page.waitForSelector('.sign-in')
    expect(await page.locator('body').innerText()).not.toContain('main-1')
    await page.getByLabel('Token').fill('pgherd_made_up')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('This token is not known').waitFor()
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForSelector('[data-node="main-1"]')
    return opened
  }

  function show(page: Page, view: string): Promise<unknown> {
    return page.evaluate(`location.hash = '#/${view}'`)
  }

  test('sees the herd, its charts and its events, and can do nothing, with the reason', async () => {
    const token = (await herd.run('token', 'create', 'looker', '--read-only')).trim()
    const { page, expectCalm } = await signedIn(token)
    const before = nodesOf(await herd.status())

    await show(page, 'charts')
    await page.waitForSelector('.uplot')
    await show(page, 'timeline')
    await page.getByText('is the primary of main').first().waitFor()

    await show(page, 'actions')
    await page.getByText(MAY_NOT).waitFor()
    const buttons = page.locator('.columns button')
    // Three for the group, three for each node.
    expect(await buttons.count()).toBe(9)
    for (const button of await buttons.all())
      expect(await button.isDisabled(), await button.innerText()).toBe(true)

    await show(page, 'sql')
    await page.getByText(MAY_NOT).waitFor()
    expect(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true)
    await page.getByLabel('Statement').fill('create table forbidden (n int)')
    await page.getByLabel('Statement').press('Control+Enter')

    await show(page, 'audit')
    await page.getByText(MAY_NOT).waitFor()

    // And were a button enabled, nothing would come of it.
    const statuses = await page.evaluate(`Promise.all([
      ['POST', 'v1/groups/main/switchover', {}], ['POST', 'v1/groups/main/nodes', {}],
      ['DELETE', 'v1/nodes/main-2', { confirm: 'main-2' }], ['POST', 'v1/nodes/main-1/chaos', { action: 'kill' }],
      ['POST', 'v1/sql', { text: 'select 1' }], ['POST', 'v1/stop', {}],
    ].map(([method, path, body]) => fetch(path, { method, body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', authorization: 'Bearer ' + sessionStorage.getItem('pgherd.token') },
    }).then(({ status }) => status)))`)
    expect(statuses).toEqual(Array(6).fill(403))
    expect(nodesOf(await herd.status())).toEqual(before)
    expect(await herd.run('sql', `select to_regclass('forbidden') is null as nothing`)).toContain('t')
    expectCalm()
    await page.context().close()
  })

  test('is asked for another token once that is taken back', async () => {
    const token = (await herd.run('token', 'create', 'guest', '--read-only')).trim()
    const { page } = await signedIn(token)
    await herd.run('token', 'revoke', 'guest')
    await page.reload()
    await page.waitForSelector('.sign-in')
    expect(await page.locator('body').innerText()).not.toContain('main-1')
    await page.context().close()
  })
})

function nodesOf({ groups }: Awaited<ReturnType<ScratchHerd['status']>>): string[] {
  return groups.flatMap(({ nodes }) => nodes.map(({ name, role, pid }) => `${name} ${role} ${pid}`))
}
