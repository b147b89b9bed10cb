/** Under which licences the packages are that are shipped: those of the lock that are not for development only. */
import type { Violation } from './architecture.ts'

/** They allow use, change and sale, and ask for no more than that their text is kept. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
])

/** Packages that do not say it in their package.json, with the file that does. */
const exceptions: Readonly<Record<string, string>> = {
  '@kafkajs/confluent-schema-registry': 'MIT, by its file LICENSE',
}

interface LockedPackage {
  readonly dev?: boolean
  readonly license?: string
}

/** @param lock package-lock.json, parsed */
export function foreignLicences(lock: {
  readonly packages: Readonly<Record<string, LockedPackage>>
}): Violation[] {
  return Object.entries(lock.packages).flatMap(([path, { dev = false, license }]) => {
    const name = path.split('node_modules/').at(-1) ?? ''
    if (name === '' || dev || name in exceptions || isAllowed(license)) return []
    const what = license === undefined ? 'names no licence' : `is under ${license}`
    return [{ file: 'package-lock.json', line: 1, message: `${name} ${what}: see test/licences.ts` }]
  })
}

/** SPDX: of `A OR B` one is enough, of `A AND B` both are needed. */
function isAllowed(expression: string | undefined): boolean {
  if (expression === undefined) return false
  const plain = expression.replace(/^\((.*)\)$/, '$1')
  return plain.split(' OR ').some(choice => choice.split(' AND ').every(each => allowed.has(each)))
}
