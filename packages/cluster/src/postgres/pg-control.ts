import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError, type Lsn } from '@pgherd/core'
import { crc32c } from './crc32c.js'

/** PostgreSQL's DBState, in its order (catalog/pg_control.h). */
const STATES = [
  'starting',
  'shut-down',
  'shut-down-in-recovery',
  'shutting-down',
  'crash-recovery',
  'archive-recovery',
  'in-production',
] as const

/** What global/pg_control says of a data directory, running or not. */
export interface ControlData {
  /** Shared by all copies of one database: a standby has its primary's. */
  systemIdentifier: bigint
  controlVersion: number
  state: (typeof STATES)[number]
  checkpointLsn: Lsn
  redoLsn: Lsn
  timeline: number
}

const CONTROL_FILE = 'global/pg_control'
const OFFSET = { systemIdentifier: 0, version: 8, state: 16, checkpoint: 32, redo: 40, timeline: 48 }
/** The checksum closes the struct, whose length differs by version (at 288 in PostgreSQL 15 and 17, at 292 in 18). */
const CHECKSUM_BETWEEN = { first: 200, last: 400 }
const TORN_READ_RETRIES = 5
const TORN_READ_RETRY_MS = 5

/** The first page of a WAL segment (access/xlog_internal.h, XLogLongPageHeaderData). */
const WAL_PAGE = { info: 2, longHeaderFlag: 0x0002, systemIdentifier: 24, headerBytes: 40 }

/** Reads the bytes of a pg_control. Throws DATA_DIRECTORY_FOREIGN when they are not one. */
export function decodeControl(bytes: Buffer): ControlData {
  checksumOffset(bytes)
  const state = STATES[bytes.readInt32LE(OFFSET.state)]
  if (state === undefined) throw foreign()
  return {
    systemIdentifier: bytes.readBigUInt64LE(OFFSET.systemIdentifier),
    controlVersion: bytes.readUInt32LE(OFFSET.version),
    state,
    checkpointLsn: Number(bytes.readBigUInt64LE(OFFSET.checkpoint)),
    redoLsn: Number(bytes.readBigUInt64LE(OFFSET.redo)),
    timeline: bytes.readUInt32LE(OFFSET.timeline),
  }
}

/** The same bytes under another identity, with the checksum that belongs to them. Pure. */
export function withSystemIdentifier(bytes: Buffer, id: bigint): Buffer {
  const changed = Buffer.from(bytes)
  const checksumAt = checksumOffset(changed)
  changed.writeBigUInt64LE(id, OFFSET.systemIdentifier)
  changed.writeUInt32LE(crc32c(changed.subarray(0, checksumAt)), checksumAt)
  return changed
}

/** Reads it from a data directory; a server that is writing it at this moment is waited for. */
export async function readControl(dataDir: string): Promise<ControlData> {
  for (let attempt = 1; ; attempt++) {
    try {
      return decodeControl(await readFile(join(dataDir, CONTROL_FILE)))
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'ENOENT' || code === 'ENOTDIR') throw foreign(dataDir)
      if (code !== 'DATA_DIRECTORY_FOREIGN') throw error
      if (attempt === TORN_READ_RETRIES) throw foreign(dataDir)
      await sleep(TORN_READ_RETRY_MS)
    }
  }
}

/**
 * Gives a copy of the template an identity of its own, so that no node of one herd ever follows a
 * node of another: in pg_control and in the first page of every WAL segment, where PostgreSQL checks it.
 *
 * Only for a copy that was shut down cleanly and never started. Throws OPERATION_FAILED otherwise.
 */
export async function rewriteSystemIdentifier(dataDir: string, id: bigint): Promise<void> {
  const { state } = await readControl(dataDir)
  if (state !== 'shut-down') {
    throw new HerdError(
      'OPERATION_FAILED',
      `${dataDir} was not shut down cleanly (${state}); its identity stays.`,
    )
  }
  const segments = (await readdir(join(dataDir, 'pg_wal'))).filter((name) => /^[0-9A-F]{24}$/.test(name))
  await Promise.all(segments.map((name) => rewriteSegment(join(dataDir, 'pg_wal', name), id)))
  const file = await open(join(dataDir, CONTROL_FILE), 'r+')
  try {
    const bytes = await file.readFile()
    await file.write(withSystemIdentifier(bytes, id), 0, bytes.length, 0)
  } finally {
    await file.close()
  }
}

/**
 * Makes an identity as PostgreSQL does (BootStrapXLOG in xlog.c): seconds, microseconds, and 12 bits
 * that it takes from the process id and we from chance.
 *
 * @param random at least 0, less than 1
 */
export function newSystemIdentifier(nowMs: number, random: number): bigint {
  const seconds = BigInt(Math.floor(nowMs / 1000))
  const micros = BigInt(Math.floor((nowMs % 1000) * 1000))
  return (seconds << 32n) | (micros << 12n) | BigInt(Math.floor(random * 4096))
}

async function rewriteSegment(path: string, id: bigint): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const header = Buffer.alloc(WAL_PAGE.headerBytes)
    await file.read(header, 0, header.length, 0)
    // A segment made ahead of its use is all zero.
    if ((header.readUInt16LE(WAL_PAGE.info) & WAL_PAGE.longHeaderFlag) === 0) return
    header.writeBigUInt64LE(id, WAL_PAGE.systemIdentifier)
    await file.write(header, WAL_PAGE.systemIdentifier, 8, WAL_PAGE.systemIdentifier)
  } finally {
    await file.close()
  }
}

function checksumOffset(bytes: Buffer): number {
  const last = Math.min(CHECKSUM_BETWEEN.last, bytes.length - 4)
  for (let at = CHECKSUM_BETWEEN.first; at <= last; at += 4) {
    if (crc32c(bytes.subarray(0, at)) === bytes.readUInt32LE(at)) return at
  }
  throw foreign()
}

function foreign(dataDir?: string): HerdError {
  return new HerdError(
    'DATA_DIRECTORY_FOREIGN',
    dataDir
      ? `${join(dataDir, CONTROL_FILE)} is missing, damaged, or not PostgreSQL’s.`
      : 'These bytes are not a PostgreSQL control file.',
  )
}
