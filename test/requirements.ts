/** What a suite may need of the machine. Each answers with the reason why it is not to be had, or undefined. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { root } from './files.ts'

export type Requirement = () => string | undefined

export const git: Requirement = () =>
  runs('git', 'rev-parse', '--git-dir') ? undefined : 'this is no git clone'

export const java: Requirement = () => {
  const { stderr = '', status } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  if (status !== 0) return 'no Java'
  const version = Number(/version "(\d+)/.exec(stderr)?.[1])
  return version >= 17 ? undefined : `no Java 17 or newer (this is ${version})`
}

export const maven: Requirement = () => (runs('mvn', '--version') ? undefined : 'no Maven')

export const chromium: Requirement = () =>
  onPath('chromium', 'chromium-browser', 'google-chrome') ? undefined : 'no Chromium'

export const postgres: Requirement = () => {
  // Debian keeps the server's programs off the PATH.
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const installed = versions.some(version => existsSync(join(debian, version, 'bin', 'initdb')))
  return installed || onPath('initdb') ? undefined : 'no PostgreSQL server (initdb)'
}

export const openssl: Requirement = () =>
  onPath('openssl') ? undefined : 'no openssl, which makes certificates'

export const prometheus: Requirement = () => {
  const missing = ['prometheus', 'promtool', 'amtool'].filter(program => !onPath(program))
  return missing.length === 0 ? undefined : `no ${missing.join(', ')} (Prometheus, Alertmanager)`
}

export const python: Requirement = () => (findPython() ? undefined : 'no Python 3.11 or 3.12 with venv')

/** A Python that the pinned packages support and that can make environments. */
export function findPython(): string | undefined {
  const supported = 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
  return ['python3', 'python3.11', 'python3.12'].find(python => runs(python, '-c', supported))
}

export const recordings: Requirement = () => {
  const folder = '../shared/data'
  return existsSync(join(root, folder, 'wisdm_watch-10hz')) ? undefined : `no ${folder}`
}

function runs(program: string, ...words: string[]): boolean {
  return spawnSync(program, words, { cwd: root, stdio: 'ignore' }).status === 0
}

function onPath(...programs: string[]): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return programs.some(program => folders.some(folder => existsSync(join(folder, program))))
}
