import type { Violation } from './architecture.ts'

/** Files made by a program, or data: their length is nobody's style. */
const generated = /^(package-lock\.json|.*\/(generated|fixtures|releases|profiles)\/.*)$/
const code = /\.(ts|mts|mjs|js|py|sh|css|html|md)$/
const drawer = /(^|\/)(utils?|common|misc|helpers?)(\.[a-z.]+|\/|$)/i

/** Lines a file may have before it is more than one concept. */
const maximumLines = 500
/** Bytes a committed file may have: models and pictures fit, recordings do not. */
const maximumBytes = 2 * 1024 * 1024

/** What no line of ours contains. `in` limits the rule to some files. The words are spelled so that this file passes. */
const banned: readonly { pattern: RegExp; in: RegExp; message: string }[] = [
  { pattern: /\b(TO[D]O|FI[X]ME|X{3}|HA[C]K)\b/, in: code, message: 'something is left undone' },
  {
    pattern: /\b(?:it|test|describe|suite)\.(?:only|skip|todo)\b/,
    in: /\.test(-d)?\.ts$/,
    message: 'a skipped or focused test; use skipIf with a reason in its name, or remove it',
  },
  { pattern: /pytest\.mark\.skip\b/, in: /\.py$/, message: 'a skipped test' },
  { pattern: /@ts-(ign[o]re|noch[e]ck)/, in: /\.m?ts$/, message: 'a silenced type error' },
  {
    pattern: /@ts-expect-er[r]or/,
    in: /(?<!\.test-d)\.ts$/,
    message: 'an expected type error outside a test of types',
  },
  { pattern: /\bas (any|unknown as)\b/, in: /\.ts$/, message: 'a silenced type' },
  { pattern: /biome-ignore[^:]*(noExplicitAny|noUnused)/, in: /\.m?[tj]s$/, message: 'a silenced rule' },
  {
    pattern: /(?<![\w.~}])\/(root|work|home|Users)\/[A-Za-z]/,
    in: /./,
    message: 'an absolute path of one machine',
  },
  {
    pattern:
      /https?:\/\/[^/\s"']*(nexus|artifactory|jfrog|verdaccio|codeartifact)|--(extra-)?index-url|^registry *=/,
    in: /./,
    message: 'the address of a private package registry',
  },
  {
    pattern: /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/,
    in: /^package-lock\.json$/,
    message: 'a package is taken from a registry other than npm',
  },
]

/**
 * What of a file is untidy.
 * @param file path relative to the root, with forward slashes
 * @param bytes its contents
 */
export function untidiness(file: string, bytes: Buffer): Violation[] {
  const found: Violation[] = []
  const complain = (line: number, message: string) => found.push({ file, line, message })
  if (drawer.test(file)) complain(1, 'name it by its concept: a drawer for everything is found by nobody')
  if (bytes.length > maximumBytes) complain(1, `${bytes.length} bytes; at most ${maximumBytes} are committed`)
  if (bytes.includes(0)) return found
  const lines = bytes.toString('utf8').split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (code.test(file) && !generated.test(file) && lines.length > maximumLines) {
    complain(maximumLines, `${lines.length} lines; at most ${maximumLines}`)
  }
  const rules = banned.filter(rule => rule.in.test(file))
  lines.forEach((text, index) => {
    for (const rule of rules) if (rule.pattern.test(text)) complain(index + 1, rule.message)
  })
  return found
}

/** Folders of code without a README. */
export function undescribed(files: readonly string[]): Violation[] {
  const folders = new Set(
    files.flatMap(file => (code.test(file) && file.includes('/') ? [file.split('/')[0]] : [])),
  )
  return [...folders]
    .filter(folder => folder !== undefined && !files.includes(`${folder}/README.md`))
    .map(folder => ({
      file: `${folder}/README.md`,
      line: 1,
      message: 'is missing: each folder says what it is for',
    }))
}
