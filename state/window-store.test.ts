import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Changelog, compareKeys, growth, keys, shuffled, text } from './resident-contract.ts'
import { type WindowEntry, WindowStore } from './window-store.ts'

const retention = 10
type Entry = WindowEntry<string, string>

const create = (retainDuplicates: boolean) =>
  new WindowStore({ name: 'windows', key: text, value: text, retention, retainDuplicates })

const key = fc.constantFrom(...keys)
const time = fc.nat(30)
const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key, time, value: fc.string() }),
  fc.record({ kind: fc.constant('delete' as const), key, time }),
  fc.record({ kind: fc.constant('fetch' as const), key, time, to: time, reverse: fc.boolean() }),
  fc.constant({ kind: 'commit' as const }),
  fc.constant({ kind: 'restore' as const }),
)

describe.each([{ duplicates: false }, { duplicates: true }])(
  'with duplicates: $duplicates',
  ({ duplicates }) => {
    test('is a filtered list, whatever is committed and restored in between', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), steps => {
          let model: Entry[] = []
          let observed = Number.NEGATIVE_INFINITY
          const log = new Changelog()
          let store = create(duplicates)
          const observe = (at: number) => {
            observed = Math.max(observed, at)
            model = model.filter(({ start }) => start > observed - retention)
          }
          const remove = (at: Entry | { key: string; start: number }) => {
            model = model.filter(e => e.key !== at.key || e.start !== at.start)
          }
          for (const s of steps) {
            if (s.kind === 'put') {
              observe(s.time)
              const entry = { key: s.key, start: s.time, value: s.value, timestamp: s.time + 1 }
              const kept = s.time > observed - retention
              expect(store.put(s.key, s.time, s.value, s.time + 1)).toBe(kept)
              if (!duplicates) remove(entry)
              if (kept) model.push(entry)
            } else if (s.kind === 'delete') {
              observe(s.time)
              const before = model.length
              remove({ key: s.key, start: s.time })
              expect(store.delete(s.key, s.time)).toBe(model.length < before)
            } else if (s.kind === 'fetch') {
              const within = model.filter(({ start }) => start >= s.time && start <= s.to)
              const ofKey = within.filter(e => e.key === s.key).sort((a, b) => a.start - b.start)
              expect(store.get(s.key, s.time)).toEqual(model.find(e => e.key === s.key && e.start === s.time))
              expect(store.fetch(s.key, s.time, s.to, s)).toEqual(s.reverse ? ofKey.reverse() : ofKey)
              expect(store.fetchAll(s.time, s.to)).toEqual(
                within.sort((a, b) => a.start - b.start || compareKeys(a.key, b.key)),
              )
            } else {
              log.take(store)
              if (s.kind === 'restore') store = log.restore(create(duplicates))
            }
            expect(store.observedTime).toBe(observed)
            const sorted = [...model].sort((a, b) => compareKeys(a.key, b.key) || a.start - b.start)
            expect([...store.all()]).toEqual(sorted)
          }
        }),
      )
    })
  },
)

test('goes on counting duplicates after a restore, though the last of them are gone', () => {
  const [log, store] = [new Changelog(), create(true)]
  store.put('a', 1, 'first', 1)
  store.put('a', 2, 'gone', 2)
  store.delete('a', 2)
  log.take(store)
  const restored = log.restore(create(true))
  store.put('a', 1, 'second', 1)
  restored.put('a', 1, 'second', 1)
  expect(restored.takeChanges()).toEqual(store.takeChanges())
})

test('has nothing when it retains nothing, as Kafka Streams', () => {
  const store = new WindowStore({ name: 'w', key: text, value: text, retention: 0 })
  expect(store.put('a', 1, 'x', 1)).toBe(false)
  expect(store.get('a', 1)).toBeUndefined()
})

test('iterates over what was there at the call', () => {
  const store = create(false)
  for (const at of shuffled(5)) store.put('a', at, 'old', 0)
  const [all, fetched] = [store.all(), store.fetch('a', 0, 9)]
  store.put('a', 100, 'new', 0)
  expect([...all]).toHaveLength(5)
  expect(fetched).toHaveLength(5)
})

test('says in its layout what its bytes are', () => {
  expect(create(false).layout).toBe('window-1:string:string')
  expect(create(true).layout).toBe('window-duplicates-1:string:string')
})

test("keeps its operator's clocks, which never go back, through a restore", () => {
  const log = new Changelog()
  const store = create(false)
  expect(store.raiseClock('a', 5)).toBe(Number.NEGATIVE_INFINITY)
  log.take(store)
  expect(store.raiseClock('a', 3)).toBe(5)
  expect(store.raiseClock('b', 1)).toBe(Number.NEGATIVE_INFINITY)
  expect(store.takeChanges()).toHaveLength(1)
  expect(store.raiseClock('a', 7)).toBe(5)
  log.take(store)
  const restored = log.restore(create(false))
  expect(restored.raiseClock('a', 0)).toBe(7)
  expect(restored.observedTime).toBe(Number.NEGATIVE_INFINITY)
})

test('knows each window of a key by its start, however many there are, and none that was deleted or has expired', () => {
  const store = create(false)
  for (let round = 0; round < 2; round++)
    for (let start = 0; start < retention; start++) store.put('a', start, `${round} ${start}`, start)
  const value = (start: number) => store.get('a', start)?.value
  expect([0, 9, 4, 0].map(value)).toEqual(['1 0', '1 9', '1 4', '1 0'])
  store.delete('a', 4)
  expect(store.delete('a', 4)).toBe(false)
  store.put('b', 12, '', 12)
  expect([0, 2, 3, 4, 5].map(value)).toEqual([undefined, undefined, '1 3', undefined, '1 5'])
  store.put('a', 4, 'again', 4)
  expect(value(4)).toBe('again')
})

test('gives a window as one change per commit, with its last value, in every commit that it changed in', () => {
  const store = create(false)
  const taken = () =>
    store
      .takeChanges()
      .filter(change => change.key[0] === 1)
      .map(({ value }) => value?.subarray(8).toString() ?? null)
  store.put('a', 1, 'one', 1)
  store.put('a', 1, 'two', 1)
  expect(taken()).toEqual(['two'])
  store.put('a', 1, 'three', 1)
  expect(taken()).toEqual(['three'])
  store.delete('a', 1)
  store.put('a', 1, 'four', 1)
  expect(taken()).toEqual(['four'])
  store.delete('a', 1)
  expect(taken()).toEqual([null])
  store.put('a', 1, 'five', 1)
  store.delete('a', 1)
  expect(taken()).toEqual([])
})

test('what was read stays as it was', () => {
  const store = create(false)
  store.put('a', 1, 'old', 1)
  const [got, fetched, all] = [store.get('a', 1), store.fetch('a', 0, 2), store.all()]
  store.put('a', 1, 'new', 1)
  expect([got?.value, fetched[0]?.value, ...[...all].map(each => each.value)]).toEqual(['old', 'old', 'old'])
})

test('refuses an entry of another kind', () => {
  expect(() => create(false).load(Buffer.from('03ff', 'hex'), Buffer.alloc(8))).toThrow(RangeError)
})

test('costs about n log n, expiry included', () => {
  const ratio = growth(size => {
    const store = new WindowStore({ name: 'w', key: text, value: text, retention: size / 2 })
    for (const n of shuffled(size)) {
      store.put(`key ${n % 100}`, n, '', n)
      store.fetch(`key ${n % 100}`, n, n + 10)
      store.fetchAll(n - 10, n)
    }
    store.put('', 2 * size, '', 0)
    expect([...store.all()]).toHaveLength(1)
  })
  expect(ratio).toBeLessThan(32)
}, 300_000)
