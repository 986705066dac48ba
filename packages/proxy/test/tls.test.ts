import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect, nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { certificateHash } from '../src/auth/certificate-hash.js'
import { type ProxyOptions, WireProxy } from '../src/index.js'
import { FrameReader } from '../src/protocol/frame-reader.js'
import { reportField } from '../src/protocol/server-messages.js'
import { ServerConnection } from '../src/server/server-connection.js'
import { type Certificate, type KINDS, makeCertificate, opensslHash } from './certificate.js'
import { isInstalled, libpqEnv, type Outcome, run } from './program.js'
import { startupPacket } from './raw-client.js'
import { RawSocket } from './raw-socket.js'

const hasOpenssl = isInstalled('openssl', 'version')
const hasPsql = isInstalled('psql', '--version')
const SSL = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

describe('the hash of a certificate', () => {
  const hashes: Record<keyof typeof KINDS, string | null> = {
    'RSA with SHA-256': 'sha256',
    'RSA with SHA-512': 'sha512',
    'RSA with SHA-1': 'sha256',
    'RSASSA-PSS with SHA-384': 'sha384',
    'ECDSA with SHA-384': 'sha384',
    Ed25519: null,
  }
  test.skipIf(!hasOpenssl).each(Object.entries(hashes))('signed by %s is made with %s', (kind, hash) => {
    const certificate = makeCertificate(kind as keyof typeof KINDS)
    const wanted = hash === null ? null : opensslHash(certificate, hash)
    expect(certificateHash(new X509Certificate(certificate.cert))).toEqual(wanted)
  })
})

describe.skipIf(!hasOpenssl)('TLS', () => {
  let herd: Herd
  let nodes: string[]
  let certificate: Certificate
  const proxies: WireProxy[] = []
  const clients: pg.Client[] = []

  beforeAll(async () => {
    herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
    nodes = await nodesOfHerd(herd, 'superuser')
    certificate = makeCertificate('RSA with SHA-256')
  }, 120_000)
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end().catch(() => {})
  })
  afterAll(async () => {
    for (const proxy of proxies) await proxy.close()
  })

  async function start(options: Partial<ProxyOptions> = {}): Promise<URL> {
    const proxy = await WireProxy.start({ nodes, port: 0, tls: certificate, ...options })
    proxies.push(proxy)
    const url = new URL(herd.dsn('main-1'))
    url.port = String(proxy.address.port)
    return url
  }

  async function connectWith(url: URL, ssl: tls.ConnectionOptions | boolean, more = {}): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url.href, ssl, ...more })
    client.on('error', () => {})
    clients.push(client)
    await client.connect()
    return client
  }

  const isEncrypted = (client: pg.Client): boolean =>
    (client as unknown as { connection: { stream: net.Socket } }).connection.stream instanceof tls.TLSSocket

  test('node-postgres asks for TLS, checks the certificate and binds its login to it', async () => {
    const url = await start()
    for (const more of [{}, { enableChannelBinding: true }, { sslnegotiation: 'direct' }]) {
      const client = await connectWith(url, { ca: certificate.cert }, more)
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect(isEncrypted(client)).toBe(true)
      const { rows } = await client.query(`select repeat('x', 3000000) as long`)
      expect(rows[0].long).toHaveLength(3_000_000)
    }
    const plain = await connect(url.href)
    expect((await plain.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  const psql = (url: URL, env: Record<string, string>): Promise<Outcome> =>
    run('psql', ['-XAtc', '\\conninfo'], { ...libpqEnv(url), PGHOST: 'localhost', ...env })

  test
    .skipIf(!hasPsql)
    .each([['RSA with SHA-256'], ['RSASSA-PSS with SHA-384'], ['ECDSA with SHA-384']] as const)(
    'psql is bound to a certificate of %s',
    async (kind) => {
      const own = makeCertificate(kind)
      const url = await start({ tls: own })
      const { out, error } = await psql(url, {
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: own.certFile,
        PGCHANNELBINDING: 'require',
      })
      expect(error).toBe('')
      expect(out).toContain('SSL connection (protocol: TLSv1.3')
    },
  )

  test.skipIf(!hasPsql)(
    'a certificate that cannot be bound to does without; psql’s modes do as they say',
    async () => {
      const url = await start({ tls: makeCertificate('Ed25519') })
      expect((await psql(url, { PGSSLMODE: 'require' })).out).toContain('SSL connection')
      expect((await psql(url, { PGSSLMODE: 'prefer' })).out).toContain('SSL connection')
      expect((await psql(url, { PGSSLMODE: 'disable' })).out).not.toContain('SSL')
      expect((await psql(url, { PGSSLMODE: 'require', PGCHANNELBINDING: 'require' })).error).toContain(
        'channel binding',
      )
      expect(
        (await psql(url, { PGSSLMODE: 'verify-full', PGSSLROOTCERT: certificate.certFile })).error,
      ).toContain('certificate verify failed')
      expect((await psql(url, { PGSSLMODE: 'require', PGPASSWORD: 'wrong' })).error).toContain(
        'password authentication failed for user "app"',
      )
    },
  )

  test.skipIf(!hasPsql)('without a certificate of ours TLS is refused as PostgreSQL does', async () => {
    const { tls: _, ...options } = { tls: null }
    const proxy = await WireProxy.start({ nodes, port: 0, ...options })
    proxies.push(proxy)
    const url = new URL(herd.dsn('main-1'))
    url.port = String(proxy.address.port)
    expect((await psql(url, { PGSSLMODE: 'require' })).error).toContain('server does not support SSL')
    expect((await psql(url, { PGSSLMODE: 'prefer' })).code).toBe(0)
  })

  test('who speaks without TLS is refused where it is required, before any password', async () => {
    const url = await start({ tls: { ...certificate, required: true } })
    await expect(connect(url.href)).rejects.toMatchObject({
      code: '28000',
      message: expect.stringContaining('connections must use TLS'),
    })
    await connectWith(url, { ca: certificate.cert })
  })

  test('where clients must show a certificate, one of the right authority is needed', async () => {
    const authority = makeCertificate('RSA with SHA-256', 'the authority')
    const [good, bad] = [
      makeCertificate('RSA with SHA-256', 'app', authority),
      makeCertificate('RSA with SHA-256'),
    ]
    const url = await start({ tls: { ...certificate, ca: authority.cert } })
    const { cert, key } = good
    const client = await connectWith(url, { ca: certificate.cert, cert, key })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await expect(connectWith(url, { ca: certificate.cert })).rejects.toThrow()
    await expect(connectWith(url, { ca: certificate.cert, cert: bad.cert, key: bad.key })).rejects.toThrow()
    await expect(connect(url.href)).rejects.toThrow('connections must use TLS')
  })

  test('options that cannot be are refused with their reason', async () => {
    const other = makeCertificate('ECDSA with SHA-384')
    for (const wrong of [
      { cert: certificate.cert, key: other.key },
      { cert: 'nothing', key: certificate.key },
      { ...certificate, ca: certificate.cert, required: false },
    ]) {
      await expect(WireProxy.start({ nodes, port: 0, tls: wrong })).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
      })
    }
  })

  async function knock(url: URL): Promise<RawSocket> {
    return RawSocket.open(Number(url.port))
  }

  test('bytes that come with the request for TLS are an attack, and are refused', async () => {
    const url = await start()
    const socket = await knock(url)
    socket.say(Buffer.concat([SSL, startupPacket({ user: 'app' })]))
    const frames = new FrameReader(10_000)
    frames.push(await socket.farewell())
    const report = frames.next() as Buffer
    expect([reportField(report, 'C'), reportField(report, 'M')]).toEqual([
      '08P01',
      'received unencrypted data after SSL request',
    ])
    socket.end()
  })

  async function handshake(url: URL, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: Number(url.port),
      rejectUnauthorized: false,
      ...options,
    })
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve))
    return socket
  }

  test('direct TLS is for those who name the protocol', async () => {
    const url = await start()
    const named = await handshake(url, { ALPNProtocols: ['postgresql'] })
    expect(named.alpnProtocol).toBe('postgresql')
    named.write(startupPacket({ user: 'app', database: 'scratch' }))
    const [first] = (await once(named, 'data')) as [Buffer]
    expect(first.toString('latin1')).toContain('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0')
    named.destroy()
    for (const ALPNProtocols of [undefined, ['http/1.1']]) {
      const socket = await handshake(url, ALPNProtocols === undefined ? {} : { ALPNProtocols })
      if (!socket.destroyed) await Promise.all([once(socket, 'close'), socket.resume()])
      expect(socket.bytesRead).toBe(0)
    }
  })

  test('TLS within TLS is not offered', async () => {
    const url = await start()
    const socket = await handshake(url, { ALPNProtocols: ['postgresql'] })
    socket.write(SSL)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString('latin1')).toContain('unsupported frontend protocol 1234.5679')
    socket.destroy()
  })

  test('a handshake that goes wrong or stops half-way leaves nothing behind', async () => {
    const url = await start({ loginTimeoutMs: 500 })
    for (const noise of [Buffer.alloc(2000, 'x'), Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc])]) {
      const socket = await knock(url)
      socket.say(SSL)
      expect(await socket.hear((heard) => heard.length > 0)).toEqual(Buffer.from('S'))
      socket.say(noise)
      await socket.farewell()
      socket.end()
    }
    const client = await connectWith(url, { ca: certificate.cert })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  describe('towards servers', () => {
    let server: Certificate

    beforeAll(async () => {
      server = makeCertificate('ECDSA with SHA-384')
      const admin = await connect(nodes[0] as string)
      for (const [name, text] of [
        ['server.crt', server.cert],
        ['server.key', server.key],
      ] as const) {
        const base64 = Buffer.from(text).toString('base64')
        await admin.query(`copy (select '${base64}') to program 'base64 -d > ${name} && chmod 600 ${name}'`)
      }
      await admin.query('alter system set ssl = on')
      await admin.query('select pg_reload_conf()')
      await until('the server speaks TLS', async () => {
        const client = new pg.Client({ connectionString: nodes[0], ssl: { ca: server.cert } })
        const spoken = await client.connect().then(
          () => true,
          () => false,
        )
        await client.end().catch(() => {})
        return spoken
      })
    })
    afterAll(async () => {
      const admin = await connect(nodes[0] as string)
      await admin.query('alter system set ssl = off')
      await admin.query('select pg_reload_conf()')
    })

    const withMode = (mode: string): string => `${nodes[0]}?${mode}`

    test('connections to nodes are encrypted where their addresses say so', async () => {
      const encrypted = `select ssl from pg_stat_ssl where pid = pg_backend_pid()`
      for (const [mode, is] of [
        [`sslmode=verify-full&sslrootcert=${server.certFile}`, true],
        [`sslmode=verify-full&sslrootcert=${server.certFile}&sslnegotiation=direct`, true],
        ['sslmode=no-verify', true],
        ['sslmode=disable', false],
      ] as const) {
        const url = await start({ nodes: [withMode(mode)] })
        const client = await connect(url.href)
        expect((await client.query(encrypted)).rows, mode).toEqual([{ ssl: is }])
        await client.query('begin')
        expect((await client.query(encrypted)).rows, mode).toEqual([{ ssl: is }])
        await client.query('rollback')
        // A cancel goes the same way.
        const slow = client.query('select pg_sleep(30)').then(String, (error: pg.DatabaseError) => error.code)
        const admin = await connect(nodes[0] as string)
        const sleeping = `select 1 from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'`
        await until('it sleeps', async () => (await admin.query(sleeping)).rowCount)
        await cancel(client, url)
        expect(await slow).toBe('57014')
      }
    })

    test('a server whose certificate is not the one is not spoken to', async () => {
      const address = { host: '127.0.0.1', port: Number(new URL(nodes[0] as string).port) }
      const login = {
        user: 'app',
        database: 'scratch',
        credentials: { password: decodeURIComponent(new URL(herd.dsn('main-1')).password) },
        settings: new Map(),
      }
      await expect(
        ServerConnection.open({ ...address, ssl: { ca: certificate.cert } }, login, 5000),
      ).rejects.toThrow()
      const good = await ServerConnection.open({ ...address, ssl: { ca: server.cert } }, login, 5000)
      expect(good.socket).toBeInstanceOf(tls.TLSSocket)
      good.end()
    })

    test('a server that has no TLS, or says more than it may, is not spoken to', async () => {
      for (const [answer, why] of [
        ['N', 'the server does not support TLS'],
        ['E', 'the server does not support TLS'],
        ['Sx', 'the server sent data before it was encrypted'],
        ['', 'the server closed the connection'],
      ] as const) {
        const fake = net.createServer((socket) => {
          socket.on('error', () => {})
          socket.once('data', () => socket.end(answer))
        })
        fake.listen(0, '127.0.0.1')
        await once(fake, 'listening')
        const { port } = fake.address() as net.AddressInfo
        const login = { user: 'a', database: 'a', credentials: { password: 'a' }, settings: new Map() }
        await expect(
          ServerConnection.open({ host: '127.0.0.1', port, ssl: true }, login, 5000),
        ).rejects.toThrow(why)
        fake.close()
      }
    })
  })

  async function cancel(client: pg.Client, url: URL): Promise<void> {
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
    const packet = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0])
    packet.writeInt32BE(processID, 8)
    packet.writeInt32BE(secretKey, 12)
    const socket = await knock(url)
    socket.say(packet)
    await socket.farewell()
  }
})
