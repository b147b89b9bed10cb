import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LakeErrorCode } from './errors.ts'
import type { ObjectStore } from './object-store.ts'

export function raised(code: LakeErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

/** What every object store must do. `make` gives an empty one, each time another. */
export function objectStoreContract(name: string, make: () => Promise<ObjectStore>): void {
  describe(`an object store: ${name}`, () => {
    let store: ObjectStore
    beforeAll(async () => {
      store = await make()
    })
    afterAll(() => store?.close())

    const keys = async (prefix?: string, of = store): Promise<string[]> => {
      const found: string[] = []
      for await (const { key } of of.list(prefix)) found.push(key)
      return found
    }

    test('what was put is read: whole, in ranges, in pieces; and replaced', async () => {
      const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))
      await store.put('a/b/object', body)
      expect((await store.get('a/b/object')).equals(body)).toBe(true)
      expect(await store.get('a/b/object', { range: { start: 10, end: 20 } })).toEqual(body.subarray(10, 20))
      expect(await store.get('a/b/object', { range: { start: 199_990, end: 300_000 } })).toEqual(
        body.subarray(199_990),
      )
      expect(await store.get('a/b/object', { range: { start: 7, end: 7 } })).toHaveLength(0)
      expect(await store.get('a/b/object', { range: { start: 300_000, end: 300_001 } })).toHaveLength(0)
      const pieces: Uint8Array[] = []
      for await (const piece of store.stream('a/b/object')) pieces.push(piece)
      expect(Buffer.concat(pieces).equals(body)).toBe(true)
      expect(await store.stat('a/b/object')).toEqual({
        key: 'a/b/object',
        size: 200_000,
        modified: expect.any(Number),
        etag: expect.any(String),
      })

      const before = (await store.stat('a/b/object'))?.etag
      await store.put('a/b/object', Buffer.from('other'))
      expect(`${await store.get('a/b/object')}`).toBe('other')
      const after = (await store.stat('a/b/object'))?.etag
      expect(after).not.toBe(before)
      for await (const listed of store.list('a/b/')) expect(listed.etag).toBe(after)
      await store.put('empty', Buffer.alloc(0))
      expect(await store.get('empty')).toHaveLength(0)
    })

    test('of many that write what is not there yet, one succeeds, and its object is whole', async () => {
      const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(100_000, i))
      const results = await Promise.allSettled(
        bodies.map(body => store.put('once', body, { ifAbsent: true })),
      )
      const winners = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
      expect(winners).toHaveLength(1)
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toEqual(raised('OBJECT_EXISTS', 'once'))
      expect((await store.get('once')).equals(bodies[winners[0]!]!)).toBe(true)
      await expect(store.put('once', Buffer.from('late'), { ifAbsent: true })).rejects.toEqual(
        raised('OBJECT_EXISTS', store.url),
      )
      expect((await store.get('once')).equals(bodies[winners[0]!]!)).toBe(true)
    })

    test('what is not there is said to be missing', async () => {
      const none = raised('OBJECT_MISSING', 'no/such')
      await expect(store.get('no/such')).rejects.toEqual(none)
      await expect(store.stream('no/such')[Symbol.asyncIterator]().next()).rejects.toEqual(none)
      expect(await store.stat('no/such')).toBeUndefined()
      await store.delete('no/such')
      expect(await keys('no/')).toEqual([])
    })

    test('memory is limited', async () => {
      await store.put('large', Buffer.alloc(1000))
      await expect(store.get('large', { limit: 999 })).rejects.toEqual(raised('OBJECT_TOO_LARGE', '1000'))
      expect(await store.get('large', { limit: 10, range: { start: 5, end: 15 } })).toHaveLength(10)
    })

    test('keys that could lead elsewhere are refused', async () => {
      for (const key of [
        '',
        '/a',
        'a/',
        'a//b',
        '../a',
        'a/../b',
        'a/./b',
        'a\\b',
        'a\nb',
        'a'.repeat(1025),
      ]) {
        const refused = raised('OBJECT_KEY_INVALID')
        await expect(store.put(key, Buffer.from('x')), key).rejects.toEqual(refused)
        await expect(store.get(key), key).rejects.toEqual(refused)
        await expect(store.stat(key), key).rejects.toEqual(refused)
        await expect(store.delete(key), key).rejects.toEqual(refused)
      }
    })

    test('keys are listed in the order of their bytes, by any prefix; a deleted one is gone', async () => {
      const store = await make()
      const put = ['b', 'a/z', 'a-b', 'a/b/c', 'a.b/c', 'date=2026-11-26/hour=07/x é.parquet', 'a/b-']
      for (const key of put) await store.put(key, Buffer.from(key))
      const ordered = [...put].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await keys('', store)).toEqual(ordered)
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'date=2026', 'zz'])
        expect(await keys(prefix, store), prefix).toEqual(ordered.filter(key => key.startsWith(prefix)))
      await store.delete('a/b/c')
      expect(await keys('a/b', store)).toEqual(['a/b-'])
      await store.close()
    })

    test('a list is longer than a page', async () => {
      const store = await make()
      const many = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(5, '0')}`)
      for (let i = 0; i < many.length; i += 50)
        await Promise.all(many.slice(i, i + 50).map(key => store.put(key, Buffer.from('x'))))
      expect(await keys('many/', store)).toEqual(many)
      await store.close()
    })

    test('an object in parts appears when it is completed, in the order of their numbers', async () => {
      const part = (fill: number) => Buffer.alloc(5 << 20, fill)
      await store.put('parts', Buffer.from('before'))
      const id = await store.uploads.begin('parts')
      expect(await store.uploads.finished('parts', id)).toEqual(new Map())
      await Promise.all([
        store.uploads.put('parts', id, 3, Buffer.from('end')),
        store.uploads.put('parts', id, 2, part(7)),
      ])
      await store.uploads.put('parts', id, 1, part(9))
      await store.uploads.put('parts', id, 1, part(1))
      const sizes = new Map([
        [1, 5 << 20],
        [2, 5 << 20],
        [3, 3],
      ])
      expect(await store.uploads.finished('parts', id)).toEqual(sizes)
      expect(`${await store.get('parts')}`).toBe('before')
      expect(await keys('p')).toEqual(['parts'])
      await store.uploads.complete('parts', id)
      const whole = Buffer.concat([part(1), part(7), Buffer.from('end')])
      expect((await store.get('parts')).equals(whole)).toBe(true)
      expect(await store.uploads.finished('parts', id)).toBeUndefined()
    })

    test('an upload that was abandoned, or never begun, is not known', async () => {
      const id = await store.uploads.begin('given up')
      await store.uploads.put('given up', id, 1, Buffer.from('x'))
      await store.uploads.abandon('given up', id)
      expect(await store.uploads.finished('given up', id)).toBeUndefined()
      await store.uploads.abandon('given up', id)
      await expect(store.uploads.complete('given up', id)).rejects.toEqual(raised('OBJECT_MISSING'))
      expect(await store.stat('given up')).toBeUndefined()
    })

    test('behaves as a map of keys does', async () => {
      const key = fc.constantFrom('k', 'x/k', 'x/y/k', 'x/y/l', 'z')
      const step = fc.oneof(
        fc.record({ put: key, body: fc.uint8Array({ maxLength: 20 }), ifAbsent: fc.boolean() }),
        fc.record({ delete: key }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
          const store = await make()
          const model = new Map<string, Buffer>()
          for (const step of steps) {
            if ('delete' in step) {
              await store.delete(step.delete)
              model.delete(step.delete)
              continue
            }
            const taken = step.ifAbsent && model.has(step.put)
            const put = store.put(step.put, step.body, { ifAbsent: step.ifAbsent })
            if (taken) await expect(put).rejects.toEqual(raised('OBJECT_EXISTS'))
            else {
              await put
              model.set(step.put, Buffer.from(step.body))
            }
          }
          expect(await keys('', store)).toEqual([...model.keys()].sort())
          for (const [key, body] of model) expect(await store.get(key)).toEqual(body)
          await store.close()
        }),
        { numRuns: 20 },
      )
    })
  })
}
