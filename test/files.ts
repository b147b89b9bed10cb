import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The directory of the project. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The project's own files, committed or not yet, relative to the root; what .gitignore names is none of them. */
export function projectFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  })
  // A file that was removed and not committed so is still listed.
  return listed.split('\0').filter(file => file !== '' && existsSync(`${root}/${file}`))
}
