import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Changelog, growth, keys, shuffled, text } from './resident-contract.ts'
import { VersionedStore } from './versioned-store.ts'

const historyRetention = 10

const create = () => new VersionedStore({ name: 'prices', key: text, value: text, historyRetention })

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key: fc.constantFrom(...keys.slice(0, 4)),
      time: fc.nat(30),
      value: fc.option(fc.string()),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restore' as const }) },
)

/** Keeps every version for ever. */
class Model {
  observed = Number.NEGATIVE_INFINITY
  readonly #versions = new Map<string, Map<number, string | null>>()

  put(key: string, value: string | null, time: number) {
    if (time < this.observed - historyRetention) return { stored: false, latest: false }
    this.observed = Math.max(this.observed, time)
    const versions = this.#versions.get(key) ?? new Map<number, string | null>()
    this.#versions.set(key, versions.set(time, value))
    return { stored: true, latest: [...versions.keys()].every(other => other <= time) }
  }

  get(key: string, asOf: number) {
    const times = [...(this.#versions.get(key)?.keys() ?? [])].sort((a, b) => a - b)
    const timestamp = times.filter(time => time <= asOf).at(-1)
    if (timestamp === undefined) return undefined
    if (asOf < this.observed - historyRetention && timestamp !== times.at(-1)) return undefined
    const value = this.#versions.get(key)?.get(timestamp)
    return value === null || value === undefined ? undefined : { value, timestamp }
  }

  /** How many versions hold at the bound or later, of those that say something. */
  get kept(): number {
    const bound = this.observed - historyRetention
    let count = 0
    for (const versions of this.#versions.values()) {
      const times = [...versions.keys()].sort((a, b) => a - b)
      for (const [i, time] of times.entries()) {
        const holds = time > bound || (times[i + 1] ?? Number.POSITIVE_INFINITY) > bound
        if (holds && (time > bound || versions.get(time) !== null)) count++
      }
    }
    return count
  }
}

test('answers as if nothing were ever dropped, and drops what it may, through commits and restores', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const [model, log] = [new Model(), new Changelog()]
      let store = create()
      for (const s of steps) {
        if (s.kind === 'put') {
          expect(store.put(s.key, s.value, s.time)).toEqual(model.put(s.key, s.value, s.time))
        } else {
          log.take(store)
          if (s.kind === 'restore') store = log.restore(create())
          expect(log.size).toBe(model.kept + (model.observed >= 0 ? 1 : 0))
        }
        expect(store.observedTime).toBe(model.observed)
        for (const key of keys.slice(0, 4)) {
          expect(store.get(key)).toEqual(model.get(key, Number.POSITIVE_INFINITY))
          for (let asOf = -1; asOf <= 31; asOf++) expect(store.get(key, asOf)).toEqual(model.get(key, asOf))
        }
      }
    }),
  )
})

test('forgets with the clock of all keys, but never a latest version', () => {
  const store = create()
  store.put('a', 'first', 1)
  store.put('a', 'second', 5)
  store.put('b', 'late', 20)
  expect(store.get('a', 4)).toBeUndefined()
  expect(store.get('a', 5)).toEqual({ value: 'second', timestamp: 5 })
  expect(store.put('a', 'too old', 9)).toEqual({ stored: false, latest: false })
  expect(store.put('a', 'third', 10)).toEqual({ stored: true, latest: true })
  expect(store.get('a', 9)).toBeUndefined()
})

test('keeps an empty value apart from a deletion', () => {
  const [log, store] = [new Changelog(), create()]
  store.put('a', '', 1)
  store.put('a', null, 2)
  log.take(store)
  const restored = log.restore(create())
  expect(restored.get('a', 1)).toEqual({ value: '', timestamp: 1 })
  expect(restored.get('a')).toBeUndefined()
})

test('says in its layout what its bytes are', () => {
  expect(create().layout).toBe('versioned-1:string:string')
})

test('costs about n log n, for many keys and for many versions of one', () => {
  const ratio = growth(size => {
    const store = new VersionedStore({ name: 'v', key: text, value: text, historyRetention: size })
    for (const n of shuffled(size)) {
      store.put(n % 2 === 0 ? `key ${n}` : '', '', n)
      store.get('', n)
    }
    for (let time = size; time < 3 * size; time += 10) store.put('', '', time)
    expect(store.get('', size - 1)).toBeUndefined()
  })
  expect(ratio).toBeLessThan(32)
}, 300_000)
