import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Changelog, compareKeys, growth, keys, shuffled, text } from './resident-contract.ts'
import { type SessionEntry, SessionStore } from './session-store.ts'

const retention = 10
type Entry = SessionEntry<string, string>

const create = () => new SessionStore({ name: 'sessions', key: text, value: text, retention })

const key = fc.constantFrom(...keys)
const time = fc.nat(30)
const length = fc.nat(5)
const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key, time, length, value: fc.string() }),
  fc.record({ kind: fc.constant('delete' as const), key, time, length }),
  fc.record({ kind: fc.constant('find' as const), key, time, to: time }),
  fc.constant({ kind: 'commit' as const }),
  fc.constant({ kind: 'restore' as const }),
)

test('is a filtered list, whatever is committed and restored in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let model: Entry[] = []
      let observed = Number.NEGATIVE_INFINITY
      const log = new Changelog()
      let store = create()
      for (const s of steps) {
        if (s.kind === 'put' || s.kind === 'delete') {
          const [start, end] = [s.time, s.time + s.length]
          observed = Math.max(observed, end)
          model = model.filter(e => e.end > observed - retention)
          const others = model.filter(e => e.key !== s.key || e.start !== start || e.end !== end)
          if (s.kind === 'put') {
            const kept = end > observed - retention
            expect(store.put(s.key, start, end, s.value)).toBe(kept)
            model = kept ? [...others, { key: s.key, start, end, value: s.value }] : others
            expect(store.get(s.key, start, end)?.value).toBe(kept ? s.value : undefined)
          } else {
            expect(store.delete(s.key, start, end)).toBe(others.length < model.length)
            model = others
          }
        } else if (s.kind === 'find') {
          const inOrder = (a: Entry, b: Entry): number =>
            a.end - b.end || a.start - b.start || compareKeys(a.key, b.key)
          expect(store.find(s.key, s.time, s.to)).toEqual(
            model.filter(e => e.key === s.key && e.end >= s.time && e.start <= s.to).sort(inOrder),
          )
          expect(store.fetchByEnd(s.time, s.to)).toEqual(
            model.filter(e => e.end >= s.time && e.end <= s.to).sort(inOrder),
          )
        } else {
          log.take(store)
          if (s.kind === 'restore') store = log.restore(create())
        }
        expect(store.observedTime).toBe(observed)
        expect([...store.all()]).toEqual(
          [...model].sort((a, b) => compareKeys(a.key, b.key) || a.end - b.end || a.start - b.start),
        )
      }
    }),
  )
})

test('finds what a merge replaces, while it is replaced', () => {
  const store = create()
  store.put('a', 0, 2, 'x')
  store.put('a', 5, 5, 'y')
  for (const { start, end } of store.find('a', 2, 5)) store.delete('a', start, end)
  store.put('a', 0, 5, 'xy')
  expect([...store.all()]).toEqual([{ key: 'a', start: 0, end: 5, value: 'xy' }])
})

test('says in its layout what its bytes are', () => {
  expect(create().layout).toBe('session-2:string:string')
})

test('costs about n log n, expiry included', () => {
  const ratio = growth(size => {
    const store = new SessionStore({ name: 's', key: text, value: text, retention: size / 2 })
    for (const n of shuffled(size)) {
      store.put(`key ${n}`, n, n, '')
      store.find(`key ${n}`, n - 10, n + 10)
      store.fetchByEnd(n - 10, n)
    }
    store.put('', 2 * size, 2 * size, '')
    expect([...store.all()]).toHaveLength(1)
  })
  expect(ratio).toBeLessThan(32)
}, 300_000)
