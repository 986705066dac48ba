import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { TokenStore } from '../../src/api/access/token-store.js'
import { newStateDir, type ScratchApi, scratchApi } from './scratch-api.js'

let scratch: ScratchApi
let cert: string

/** On every address of the machine, with a certificate of its own. */
beforeAll(async () => {
  const folder = newStateDir()
  cert = join(folder, 'cert.pem')
  const key = join(folder, 'key.pem')
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
      .concat(names)
      .concat('-keyout', key, '-out', cert),
    { stdio: 'ignore' },
  )
  scratch = await scratchApi(
    `groups: [{ nodes: 1 }]\napi: { host: 0.0.0.0, tls: { cert: ${cert}, key: ${key} } }\n`,
  )
})

function ask(
  path: string,
  headers: RequestOptions['headers'] = {},
): Promise<{ status: number; body: unknown }> {
  const { port } = new URL(scratch.url)
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      path,
      headers,
      ca: readFileSync(cert),
    }
    get(options, (response) => {
      json(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    }).on('error', reject)
  })
}

test('elsewhere than on a loopback address it speaks TLS, and asks for a token', async () => {
  expect(scratch.url).toMatch(/^https:/)
  expect(await ask('/v1/topology')).toMatchObject({ status: 401, body: { code: 'TOKEN_NEEDED' } })
  expect(await ask('/openapi.json')).toMatchObject({ status: 200 })
  const token = await new TokenStore(scratch.herd.paths.tokens).create('far', {
    readOnly: true,
    expiresAt: null,
  })
  const authorization = `Bearer ${token}`
  expect(await ask('/v1/topology', { authorization })).toMatchObject({
    status: 200,
    body: { name: 'scratch' },
  })
  // It is known there by any name, and to no page but its own.
  const host = 'herd.example:8443'
  expect(await ask('/v1/herd', { authorization, host })).toMatchObject({ status: 200 })
  expect(await ask('/v1/herd', { authorization, host, origin: `https://${host}` })).toMatchObject({
    status: 200,
  })
  for (const origin of [`http://${host}`, 'https://evil.example', 'null'])
    expect(await ask('/v1/herd', { authorization, host, origin }), origin).toMatchObject({
      status: 403,
      body: { code: 'NOT_ALLOWED' },
    })
})

test('without TLS nothing is told', async () => {
  const { port } = new URL(scratch.url)
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow()
})
