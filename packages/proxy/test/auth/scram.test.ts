import { expect, test } from 'vitest'
import { ScramClient } from '../../src/auth/scram-client.js'
import { ScramServer } from '../../src/auth/scram-server.js'
import {
  hmac,
  keysOfPassword,
  makeVerifier,
  mockVerifier,
  readVerifier,
  sha256,
} from '../../src/auth/scram-verifier.js'
import { ProtocolViolation } from '../../src/protocol/protocol-violation.js'

const BINDING = { data: Buffer.from('the hash of a certificate') }

test('the keys are those of the example of RFC 7677', () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const { clientKey, serverKey } = keysOfPassword('pencil', salt, 4096)
  const authMessage =
    'n=user,r=rOprNGfwEbeRWgbNEkqO,' +
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,' +
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
  const signature = hmac(sha256(clientKey), authMessage)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number)))
  expect(proof.toString('base64')).toBe('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=')
  expect(hmac(serverKey, authMessage).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
})

test('a verifier of PostgreSQL is read, and is the one of its password', () => {
  // select rolpassword from pg_authid, of PostgreSQL 18, for the password "pencil".
  const stored =
    'SCRAM-SHA-256$4096:Ao97xp3YWCOGt1iaVBb3VQ==$T3MauMuJgBG5QmhGbC6oiSjHGhW9BSDeb5T7XYNZ75Q=:juAL/fh0v4mk+FGWidFJy86V8WJdGp4n5u1jf/xh+PY='
  const verifier = readVerifier(stored)
  expect(verifier).not.toBeNull()
  expect(makeVerifier('pencil', verifier?.salt, verifier?.iterations)).toEqual(verifier)
  expect(makeVerifier('pencil2', verifier?.salt, verifier?.iterations)).not.toEqual(verifier)
})

test.each([
  '',
  'md5c5ea0c8a3f2d4e5b6a798081726354ab',
  'SCRAM-SHA-256$4096:c2FsdA==$dG9vIHNob3J0:dG9vIHNob3J0',
  'SCRAM-SHA-256$0:c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  'SCRAM-SHA-256$4096:c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  'plain text',
])('%j is no verifier', (text) => {
  expect(readVerifier(text)).toBeNull()
})

function converse(client: ScramClient, server: ScramServer): ReturnType<ScramServer['finish']> {
  return server.finish(client.prove(server.begin(client.begin())))
}

test('a client and a server that know the same password agree, and the server has learnt the keys', () => {
  const verifier = makeVerifier('sesame')
  const client = new ScramClient({ password: 'sesame' })
  const proven = converse(client, new ScramServer(verifier, null, false))
  expect(proven).not.toBeNull()
  client.check(proven?.answer as string)
  expect(proven?.keys).toEqual(keysOfPassword('sesame', verifier.salt, verifier.iterations))
  // And with them it logs in itself.
  const next = new ScramClient({ keys: proven?.keys as NonNullable<typeof proven>['keys'] })
  next.check(converse(next, new ScramServer(verifier, null, false))?.answer as string)
})

test('a wrong password proves nothing, and a mock verifier fits none', () => {
  const secret = Buffer.from('secret')
  const wrong = new ScramServer(makeVerifier('sesame'), null, false)
  expect(converse(new ScramClient({ password: 'Sesame' }), wrong)).toBeNull()
  expect(
    converse(new ScramClient({ password: '' }), new ScramServer(mockVerifier('me', secret), null, false)),
  ).toBeNull()
  expect(mockVerifier('me', secret).salt).toEqual(mockVerifier('me', secret).salt)
  expect(mockVerifier('you', secret).salt).not.toEqual(mockVerifier('me', secret).salt)
})

test('a server that does not know the password is found out', () => {
  const client = new ScramClient({ password: 'sesame' })
  const verifier = { ...makeVerifier('sesame'), serverKey: Buffer.alloc(32) }
  const proven = converse(client, new ScramServer(verifier, null, false))
  expect(() => client.check(proven?.answer as string)).toThrow('could not prove that it knows the password')
  expect(() => new ScramClient({ password: 'x' }).check('v=')).toThrow('could not prove')
})

test('a login is bound to the certificate that the client sees', () => {
  const verifier = makeVerifier('sesame')
  const bound = new ScramClient({ password: 'sesame' }, BINDING.data)
  expect(converse(bound, new ScramServer(verifier, BINDING, true))).not.toBeNull()
  const other = new ScramClient({ password: 'sesame' }, Buffer.from('of another one, in the middle'))
  expect(() => converse(other, new ScramServer(verifier, BINDING, true))).toThrow(
    'channel binding check failed',
  )
})

test.each([
  ['', 'malformed SCRAM message'],
  ['n,,', 'malformed SCRAM message'],
  ['n,,n=,r=', 'malformed SCRAM message'],
  ['n,,n=,r=has\u0001control', 'malformed SCRAM message'],
  ['n,a=me,n=,r=abc', 'authorization identity'],
  ['n,,m=x,n=,r=abc', 'unsupported SCRAM extension'],
  ['p=tls-server-end-point,,n=,r=abc', 'malformed SCRAM message'],
  ['y,,n=,r=abc', 'channel binding negotiation error'],
])('a first message %j is refused', (message, why) => {
  const server = new ScramServer(makeVerifier('sesame'), null, true)
  expect(() => server.begin(message)).toThrow(ProtocolViolation)
  expect(() => server.begin(message)).toThrow(why)
})

test('with a binding chosen, it must be one, and the one that is known', () => {
  const server = new ScramServer(makeVerifier('sesame'), BINDING, true)
  expect(() => server.begin('n,,n=,r=abc')).toThrow('malformed SCRAM message')
  expect(() => server.begin('p=tls-unique,,n=,r=abc')).toThrow('unsupported SCRAM channel-binding type')
})

test.each([
  ['nothing', () => ''],
  ['another nonce', (nonce: string) => `c=biws,r=${nonce}x,p=AAAA`],
  ['no nonce', () => 'c=biws,p=AAAA'],
  ['a proof of another length', (nonce: string) => `c=biws,r=${nonce},p=AAAA`],
  ['another binding', (nonce: string) => `c=eSws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`],
  [
    'something after the proof',
    (nonce: string) => `c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')},x=y`,
  ],
])('a proof with %s is refused', (_name, message) => {
  const server = new ScramServer(makeVerifier('sesame'), null, false)
  const nonce = /^r=([^,]+)/.exec(server.begin('n,,n=,r=abc'))?.[1] as string
  expect(() => server.finish(message(nonce))).toThrow(ProtocolViolation)
})

test('a proof of zeroes is not right', () => {
  const server = new ScramServer(makeVerifier('sesame'), null, false)
  const nonce = /^r=([^,]+)/.exec(server.begin('n,,n=,r=abc'))?.[1] as string
  expect(server.finish(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`)).toBeNull()
})

test('a server that changes the nonce, or says nonsense, gets no proof', () => {
  const client = new ScramClient({ password: 'sesame' })
  client.begin()
  expect(() => client.prove('r=another,s=c2FsdA==,i=4096')).toThrow('malformed SCRAM message of the server')
  expect(() => client.prove('')).toThrow('malformed SCRAM message of the server')
})
