import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

const POLICY = '/usr/sbin/policy-rc.d'

/**
 * The path of a program that a Debian package brings, installed now if it is missing and we are root. Throws
 * one sentence when it cannot be had.
 */
export function findProgram(program, debianPackage) {
  const find = () =>
    [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
      .filter((folder) => folder !== '')
      .map((folder) => `${folder}/${program}`)
      .find((path) => existsSync(path))
  const found = find()
  if (found !== undefined) return found
  if (process.getuid?.() !== 0) throw new Error(`${program} is not installed, and only root can install it`)
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`${program} is not installed, and there is no apt-get`)
  install(debianPackage)
  const installed = find()
  if (installed === undefined) throw new Error(`the package ${debianPackage} brought no ${program}`)
  return installed
}

/** The package's own service must not start: this machine asked for a benchmark, not for a server. */
function install(debianPackage) {
  const forbid = !existsSync(POLICY)
  if (forbid) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const apt = (...args) =>
    execFileSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const installPackage = () => apt('install', '-y', '--no-install-recommends', debianPackage)
  try {
    try {
      installPackage()
    } catch {
      // Its list of packages may be old or empty.
      apt('update')
      installPackage()
    }
  } catch (error) {
    const [reason] = String(error.stderr ?? '').match(/^E: .*/m) ?? [error.message]
    throw new Error(`apt-get could not install ${debianPackage}: ${reason}`)
  } finally {
    if (forbid) rmSync(POLICY, { force: true })
  }
}
