/** The cases of a directory, and what we expect where a case's own output is an artefact. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Case, parseCase, parseQuirk, type Quirk } from './case.ts'

const quirks = join(dirname(fileURLToPath(import.meta.url)), 'quirks')

export interface CaseFile {
  readonly name: string
  /** @throws CaseError */
  parse(): { readonly each: Case; readonly quirk: Quirk | undefined }
}

/** In order of their names. */
export function readCases(dir: string): readonly CaseFile[] {
  const files = readdirSync(dir).filter(file => file.endsWith('.json'))
  return files.sort().map(file => ({
    name: file.replace(/\.json$/, ''),
    parse: () => {
      const each = parseCase(file, readFileSync(join(dir, file), 'utf8'))
      return { each, quirk: each.quirk === undefined ? undefined : readQuirk(file) }
    },
  }))
}

/** A marked case that we have no expectation for is compared with its own output. */
function readQuirk(file: string): Quirk | undefined {
  const path = join(quirks, file)
  return existsSync(path) ? parseQuirk(path, readFileSync(path, 'utf8')) : undefined
}
