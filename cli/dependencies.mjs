/**
 * Makes the installed packages those of package-lock.json. Plain JavaScript without dependencies: it runs before
 * anything is installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Why the installed packages are not those of the lock, or undefined if they are.
 *
 * @param {URL} root the directory of package-lock.json
 * @param {{ development: boolean }} scope whether packages needed only for development count
 * @returns {string | undefined}
 */
export function outdated(root, { development }) {
  const directory = fileURLToPath(root)
  const wanted = packages(join(directory, 'package-lock.json'))
  if (!wanted) throw new Error(`${join(directory, 'package-lock.json')} cannot be read`)
  const installed = packages(join(directory, 'node_modules', '.package-lock.json'))
  if (!installed) return 'nothing is installed yet'
  for (const [path, entry] of Object.entries(wanted)) {
    // Optional packages may be absent: most are binaries of other platforms.
    if (path === '' || entry.optional || (entry.dev && !development)) continue
    const found = installed[path]
    if (!found || !existsSync(join(directory, path, 'package.json'))) return `${path} is missing`
    if (found.version !== entry.version) return `${path} is ${found.version}, not ${entry.version}`
  }
  return undefined
}

/**
 * Runs `npm ci` if the installed packages are not those of the lock.
 *
 * @param {URL} root
 * @param {{ development: boolean, log: (line: string) => void }} options
 * @throws Error if npm fails; npm has then printed why
 */
export function install(root, { development, log }) {
  const reason = outdated(root, { development })
  if (!reason) return
  log(`installing packages (${reason}): npm ci`)
  const npm = process.env.npm_execpath
  const words = ['ci', '--loglevel=error']
  const { status, error } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...words], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', words, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (error) throw new Error(`npm cannot be started (${error.message}); run npm ci by hand`)
  if (status !== 0) throw new Error('npm ci failed; see above')
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean, dev?: boolean }> | undefined} */
function packages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}
