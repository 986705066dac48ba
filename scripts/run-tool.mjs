// Runs a program of node_modules with the Node.js that runs this script.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Runs it to its end with our terminal; returns its exit code. `entry`: its file inside node_modules. */
export function runTool(entry, args) {
  return runNode([join(ROOT, 'node_modules', entry), ...args])
}

/** Runs Node.js in the root of the checkout; returns its exit code. */
export function runNode(args) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  if (error) throw error
  return status ?? 1
}
