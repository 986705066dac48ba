import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { chooseServerUser, findBinaries } from '@pgherd/cluster/postgres'
import pg from 'pg'

/**
 * What a person does who has only PostgreSQL's own programs: initdb, a password, roles and a database,
 * a backup and two copies, three starts, synchronous replication. No pgherd code takes part but for
 * finding the same binaries. Resolves to the time from the first step to both standbys streaming.
 */
export async function clusterByHand(dir, firstPort) {
  const user = chooseServerUser()
  const binaries = await findBinaries({ version: 18, bin: null }, user)
  const as = user === null ? {} : { uid: user.uid, gid: user.gid }
  const own = (path) => user !== null && chownSync(path, user.uid, user.gid)
  mkdirSync(dir, { mode: 0o700 })
  own(dir)
  const ports = [firstPort, firstPort + 1, firstPort + 2]
  const data = (index) => join(dir, `n${index + 1}`)
  const env = { PATH: process.env.PATH, LC_ALL: 'C' }
  const run = (program, args) => execFileSync(program, args, { ...as, env, cwd: '/', stdio: 'ignore' })
  const pgCtl = join(binaries.dir, 'pg_ctl')
  const start = (index) =>
    run(pgCtl, [
      '-D',
      data(index),
      '-w',
      '-o',
      `-p ${ports[index]} -c unix_socket_directories=`,
      '-l',
      join(dir, `n${index + 1}.log`),
      'start',
    ])

  const beganMs = performance.now()
  writeFileSync(join(dir, 'password'), 'by-hand')
  own(join(dir, 'password'))
  run(binaries.initdb, [
    '-D',
    data(0),
    '-U',
    'postgres',
    '--pwfile',
    join(dir, 'password'),
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C',
  ])
  start(0)
  const client = new pg.Client({
    host: '127.0.0.1',
    port: ports[0],
    user: 'postgres',
    password: 'by-hand',
    database: 'postgres',
  })
  await client.connect()
  await client.query(`create role replicator login replication password 'by-hand'`)
  await client.query(`create role app login password 'by-hand'`)
  await client.query('create database app owner app')
  await client.query(
    `select pg_create_physical_replication_slot('n2', true), pg_create_physical_replication_slot('n3', true)`,
  )
  await client.query(`select pg_backup_start('by hand', true)`)
  for (const index of [1, 2]) {
    run('cp', ['-a', data(0), data(index)])
    rmSync(join(data(index), 'postmaster.pid'))
    run('sh', ['-c', `rm -rf '${data(index)}'/pg_replslot/* '${data(index)}'/pg_wal/0*`])
  }
  const { rows } = await client.query('select labelfile from pg_backup_stop(false)')
  for (const index of [1, 2]) {
    writeFileSync(join(data(index), 'backup_label'), rows[0].labelfile)
    writeFileSync(join(data(index), 'standby.signal'), '')
    const conninfo = `host=127.0.0.1 port=${ports[0]} user=replicator password=by-hand application_name=n${index + 1}`
    appendFileSync(
      join(data(index), 'postgresql.conf'),
      `primary_conninfo = '${conninfo}'\nprimary_slot_name = 'n${index + 1}'\n`,
    )
    for (const file of ['backup_label', 'standby.signal']) own(join(data(index), file))
    start(index)
  }
  await client.query(`alter system set synchronous_standby_names = 'ANY 1 (n2, n3)'`)
  await client.query('select pg_reload_conf()')
  for (;;) {
    const { rows: streaming } = await client.query(
      `select from pg_stat_replication where state = 'streaming' and sync_state = 'quorum'`,
    )
    if (streaming.length === 2) break
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const tookMs = performance.now() - beganMs
  await client.end()
  const stop = () => {
    for (const index of [0, 1, 2])
      spawnSync(pgCtl, ['-D', data(index), '-m', 'fast', '-w', 'stop'], { ...as, env, cwd: '/' })
  }
  return { tookMs, stop }
}
