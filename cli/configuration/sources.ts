/** Where settings are given: the environment, and the configuration file. What is wrong is collected, not thrown. */
import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { keyOf, type SettingName, settingNames, settings, variableOf } from './settings.ts'

/** A setting as it is written. */
export interface Written {
  readonly text: string
  /** By what name it was given, such as --port, TICKERWATCH_PORT or tickerwatch.yaml:3: port. */
  readonly origin: string
}

export interface Source {
  readonly written: ReadonlyMap<SettingName, Written>
  readonly mistakes: readonly string[]
}

export const defaultFile = 'tickerwatch.yaml'
/** Names the file, as --settings does. */
export const fileVariable = 'TICKERWATCH_SETTINGS'

/**
 * TICKERWATCH_…; an empty one counts as absent. A secret may be in a file that TICKERWATCH_…_FILE names. Other variables that
 * begin alike are nobody's business, unless they look like a setting misspelled.
 */
export function fromEnvironment(environment: NodeJS.ProcessEnv): Source {
  const written = new Map<SettingName, Written>()
  const mistakes: string[] = []
  const known = new Set([fileVariable])
  for (const name of settingNames) {
    const variable = variableOf(name)
    known.add(variable)
    const text = environment[variable]
    if (text) written.set(name, { text, origin: variable })
    if (!settings[name].secret) continue
    const fileOf = `${variable}_FILE`
    known.add(fileOf)
    const file = environment[fileOf]
    if (!file) continue
    if (text) mistakes.push(`${variable} and ${fileOf} are both given: give one.`)
    try {
      written.set(name, { text: readFileSync(file, 'utf8').trim(), origin: fileOf })
    } catch (error) {
      mistakes.push(`${fileOf}: ${file} cannot be read (${codeOf(error)}).`)
    }
  }
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith('TICKERWATCH_') || known.has(variable)) continue
    // Short names are near each other.
    const near = nearest(variable, [...known], variable.length > 17 ? 2 : 1)
    if (near !== undefined) mistakes.push(`${variable} is no setting. Did you mean ${near}?`)
  }
  return { written, mistakes }
}

/** @param mustExist whether its absence is a mistake */
export function fromFile(path: string, { mustExist }: { readonly mustExist: boolean }): Source {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const absent = codeOf(error) === 'ENOENT' && !mustExist
    return {
      written: new Map(),
      mistakes: absent ? [] : [`${path} cannot be read (${codeOf(error)}).`],
    }
  }
  return fromText(text, path)
}

/** YAML (or JSON, which is YAML): a mapping from the names of the flags, without their dashes, to values or lists of them. */
export function fromText(text: string, path: string): Source {
  const written = new Map<SettingName, Written>()
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined): string => `${path}:${lines.linePos(offset ?? 0).line}`
  const mistakes = document.errors.map(({ message, pos }) => `${at(pos[0])}: ${message}`)
  const { contents } = document
  if (mistakes.length > 0 || contents === null) return { written, mistakes }
  if (!isMap(contents)) {
    return { written, mistakes: [`${path} holds no settings: give lines such as port: 8080.`] }
  }
  const byKey = new Map(settingNames.map(name => [keyOf(name), name]))
  for (const { key, value } of contents.items) {
    const word = isScalar(key) ? String(key.value) : String(key)
    const origin = `${at(isScalar(key) ? key.range?.[0] : undefined)}: ${word}`
    const name = byKey.get(word)
    if (name === undefined) {
      const near = nearest(word, [...byKey.keys()], 2)
      mistakes.push(`${origin} is no setting.${near === undefined ? '' : ` Did you mean ${near}?`}`)
      continue
    }
    const texts = (isSeq(value) ? value.items : [value]).map(scalarText)
    if (texts.includes(undefined)) mistakes.push(`${origin} holds more than a value or a list of values.`)
    // Nothing behind the colon is nothing said.
    else if (texts.some(text => text !== '')) written.set(name, { text: texts.join(','), origin })
  }
  return { written, mistakes }
}

/** As it stands in the file: 007 and 1e3 are not turned into numbers first. */
function scalarText(node: unknown): string | undefined {
  if (node === null) return ''
  if (!isScalar(node)) return undefined
  return node.value === null ? '' : (node.source ?? String(node.value))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** The word that differs in at most so many letters, the nearest if there are several. */
function nearest(word: string, words: readonly string[], limit: number): string | undefined {
  const [first] = words
    .map(other => ({ other, distance: distance(word, other) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return first?.other
}

/** Letters to add, to leave out or to replace (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
