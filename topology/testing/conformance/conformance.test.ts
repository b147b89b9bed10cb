import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isSupported } from './build.ts'
import { readCases } from './cases.ts'
import { needs } from './operators.ts'
import { runCase } from './run.ts'
import type { KeyType, ValueType } from './values.ts'
import { keySerde, valueSerde } from './values.ts'

/** What the cases use and the runner cannot build yet. A case that needs one of them is not run. */
const unsupported: readonly string[] = []

/** Cases whose outcome still differs, with the reason. One that has come right must leave this list. */
const differing: Readonly<Record<string, string>> = {}

/** The given cases, and those in which a random one once differed from Kafka Streams, shrunk. */
const cases = ['cases', 'found'].flatMap(dir =>
  readCases(join(import.meta.dirname, dir)).map(({ name, parse }) => ({ name, ...parse() })),
)
const runnable = cases.filter(({ each }) => [...needs(each)].every(isSupported))

describe(`${runnable.length} cases, without ${cases.length - runnable.length} that need what is unsupported`, () => {
  test.each(runnable)('$name', async ({ name, each, quirk }) => {
    const result = await runCase(each, { level: 'strict', quirk })
    if (differing[name] !== undefined) expect(result.outcome, 'it has come right').toBe('failed')
    else expect(result).toEqual({ outcome: 'passed' })
  })
})

test('records of the cases are read as those of applications are: where they lie in their batch', () => {
  for (const type of ['string', 'long', 'double'] satisfies ValueType[]) {
    const keys: KeyType[] = [
      { inner: type, windowed: false },
      { inner: type, windowed: true },
    ]
    for (const serde of [valueSerde(type), ...keys.map(keySerde)])
      expect(serde.deserialize.read).toBeDefined()
  }
})

test('what is unsupported is listed, and nothing else', () => {
  const found = new Set(cases.flatMap(({ each }) => [...needs(each)]).filter(need => !isSupported(need)))
  expect([...found].sort()).toEqual([...unsupported].sort())
})

test('every case is named as its file, and each one marked as a quirk has an expectation of ours', () => {
  for (const { name, each, quirk } of cases) {
    expect(each.name).toBe(name)
    expect(quirk?.name).toBe(each.quirk === undefined ? undefined : name)
  }
})
