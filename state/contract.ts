import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Checkpoint, StateBackend, StoreChange, StoreRange, TaskStore } from './store.ts'

const key = (text: string): Buffer => Buffer.from(text, 'latin1')

export function checkpointAt(position: number): Checkpoint {
  return {
    identities: { counts: 'log-1' },
    layouts: { counts: ['layout-1'] },
    positions: { counts: position },
  }
}

export async function entriesOf(
  store: TaskStore,
  name: string,
  range?: StoreRange,
): Promise<[string, string][]> {
  const entries: [string, string][] = []
  for await (const chunk of store.scan(name, range)) {
    for (const { key, value } of chunk) entries.push([key.toString('latin1'), value.toString('latin1')])
  }
  return entries
}

function put(
  store: TaskStore,
  name: string,
  entries: Record<string, string | null>,
  position = 1,
): Promise<void> {
  const changes: StoreChange[] = Object.entries(entries).map(([name, value]) => ({
    key: key(name),
    value: value === null ? null : key(value),
  }))
  return store.write(new Map([[name, changes]]), checkpointAt(position))
}

/** What every state backend must do. `make` gives a new, empty backend; `dispose` removes it. */
export function stateContract(
  name: string,
  make: () => Promise<{ backend: StateBackend; dispose(): Promise<void> }>,
): void {
  describe(`state backend ${name}`, () => {
    let backend: StateBackend
    let dispose: () => Promise<void>
    const opened: TaskStore[] = []

    const open = async (task = '0_0'): Promise<TaskStore> => {
      const store = await backend.open(task, reason => {
        throw new Error(`set aside: ${reason}`)
      })
      opened.push(store)
      return store
    }

    beforeEach(async () => {
      ;({ backend, dispose } = await make())
    })

    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close()
      await dispose()
    })

    test('a new database is empty and has no checkpoint', async () => {
      const store = await open()
      expect(store.checkpoint).toBeUndefined()
      expect(await store.get('counts', key('a'))).toBeUndefined()
      expect(await store.getMany('counts', [])).toEqual([])
      expect(await entriesOf(store, 'counts')).toEqual([])
    })

    test('keeps contents and checkpoint when closed and opened again', async () => {
      const store = await open()
      await put(store, 'counts', { a: '1', b: '2' }, 7)
      await store.close()
      const again = await open()
      expect(again.checkpoint).toEqual(checkpointAt(7))
      expect(await entriesOf(again, 'counts')).toEqual([
        ['a', '1'],
        ['b', '2'],
      ])
    })

    test('replaces and deletes; deleting what is not there does nothing', async () => {
      const store = await open()
      await put(store, 'counts', { a: '1', b: '2' }, 1)
      await put(store, 'counts', { a: '3', b: null, never: null }, 2)
      expect(await entriesOf(store, 'counts')).toEqual([['a', '3']])
      expect(store.checkpoint).toEqual(checkpointAt(2))
    })

    test('the last change of a key within one write holds', async () => {
      const store = await open()
      const changes = ['1', null, '2'].map(value => ({
        key: key('a'),
        value: value === null ? null : key(value),
      }))
      await store.write(new Map([['counts', changes]]), checkpointAt(1))
      expect(await entriesOf(store, 'counts')).toEqual([['a', '2']])
    })

    test('a write without changes moves the checkpoint alone', async () => {
      const store = await open()
      await put(store, 'counts', { a: '1' }, 1)
      await store.write(new Map(), checkpointAt(2))
      expect(store.checkpoint).toEqual(checkpointAt(2))
      expect(await entriesOf(store, 'counts')).toEqual([['a', '1']])
    })

    test('writes apply in the order of their calls, also when none is awaited in between', async () => {
      const store = await open()
      const writes = Array.from({ length: 50 }, (_, i) => put(store, 'counts', { a: String(i) }, i))
      await Promise.all(writes)
      expect(await entriesOf(store, 'counts')).toEqual([['a', '49']])
      expect(store.checkpoint).toEqual(checkpointAt(49))
    })

    test('an empty key and an empty value are a key and a value', async () => {
      const store = await open()
      await put(store, 'counts', { '': 'x', y: '' })
      expect(await store.get('counts', key(''))).toEqual(key('x'))
      expect(await store.get('counts', key('y'))).toEqual(Buffer.alloc(0))
    })

    test('getMany answers in the order asked, undefined for what is missing', async () => {
      const store = await open()
      await put(store, 'counts', { a: '1', b: '2' })
      const found = await store.getMany('counts', [key('b'), key('x'), key('a'), key('b')])
      expect(found.map(value => value?.toString())).toEqual(['2', undefined, '1', '2'])
    })

    test('stores are apart, whatever their names', async () => {
      const store = await open()
      const names = ['a', 'ab', 'a\u0000', 'ÿ', 'a.b', 'é'.repeat(100)]
      for (const [i, name] of names.entries())
        await put(store, name, { '': String(i), [`b${i}`]: 'x', ÿÿ: 'y' })
      for (const [i, name] of names.entries()) {
        expect(await entriesOf(store, name)).toEqual([
          ['', String(i)],
          [`b${i}`, 'x'],
          ['ÿÿ', 'y'],
        ])
      }
    })

    test('tasks are apart, also where their names are no file names', async () => {
      const tasks = ['0_0', '0_1', '..', '.', 'a/b', '../0_0', 'x.corrupt-1', 'Ü', 'motion.v2-0']
      for (const task of tasks) await put(await open(task), 'counts', { task })
      for (const store of opened.splice(0)) await store.close()
      for (const task of tasks) expect(await entriesOf(await open(task), 'counts')).toEqual([['task', task]])
      expect(await backend.list()).toEqual([...tasks].sort())
    })

    test('scans in unsigned byte order, from inclusive, to exclusive', async () => {
      const store = await open()
      await put(store, 'counts', { b: '2', ÿ: '5', '\u007f': '3', '\u0080': '4', a: '1' })
      const names = async (range?: StoreRange): Promise<string> =>
        (await entriesOf(store, 'counts', range)).map(([, value]) => value).join('')
      expect(await names()).toBe('12345')
      expect(await names({ from: key('b') })).toBe('2345')
      expect(await names({ to: key('\u0080') })).toBe('123')
      expect(await names({ from: key('b'), to: key('b') })).toBe('')
      expect(await names({ from: key('aa'), to: key('ÿÿ') })).toBe('2345')
    })

    test('a scan shows the state as of its call and may be left early', async () => {
      const store = await open()
      const many = Object.fromEntries(
        Array.from({ length: 2500 }, (_, i) => [String(i).padStart(5, '0'), 'old']),
      )
      await put(store, 'counts', many)
      const scan = store.scan('counts')
      await put(store, 'counts', { '00001': 'new', '02499': null, '99999': 'new' }, 2)
      const seen: string[] = []
      for await (const chunk of scan) for (const { value } of chunk) seen.push(value.toString())
      expect(seen).toEqual(Array.from({ length: 2500 }, () => 'old'))
      for await (const _ of store.scan('counts')) break
      await store.close()
    })

    test('bytes handed over and handed out may be changed afterwards', async () => {
      const store = await open()
      const name = key('a')
      const value = key('1')
      await store.write(new Map([['counts', [{ key: name, value }]]]), checkpointAt(1))
      name.fill(0)
      value.fill(0)
      ;(await store.get('counts', key('a')))?.fill(0)
      expect(await entriesOf(store, 'counts')).toEqual([['a', '1']])
    })

    test('clear removes all stores and the checkpoint', async () => {
      const store = await open()
      await put(store, 'counts', { a: '1' })
      await put(store, 'other', { a: '1' })
      await store.clear()
      expect(store.checkpoint).toBeUndefined()
      expect(await entriesOf(store, 'counts')).toEqual([])
      await store.close()
      const again = await open()
      expect(again.checkpoint).toBeUndefined()
      expect(await entriesOf(again, 'other')).toEqual([])
    })

    test('clear of a store removes what it has alone', async () => {
      const store = await open()
      await put(store, 'counts', { a: '1', z: '2' })
      await put(store, 'countss', { a: '3' })
      await store.clear('counts')
      expect(store.checkpoint).toEqual(checkpointAt(1))
      expect(await entriesOf(store, 'counts')).toEqual([])
      expect(await entriesOf(store, 'countss')).toEqual([['a', '3']])
    })

    test('what is open can be neither opened nor destroyed', async () => {
      const store = await open()
      await expect(backend.open('0_0')).rejects.toMatchObject({ code: 'STATE_LOCKED' })
      await expect(backend.destroy('0_0')).rejects.toMatchObject({ code: 'STATE_LOCKED' })
      await put(store, 'counts', { a: '1' })
      expect(await entriesOf(store, 'counts')).toEqual([['a', '1']])
    })

    test('destroy removes a task alone; what does not exist can be destroyed', async () => {
      await put(await open('0_0'), 'counts', { a: '1' })
      await put(await open('0_1'), 'counts', { a: '1' })
      for (const store of opened.splice(0)) await store.close()
      await backend.destroy('0_0')
      await backend.destroy('9_9')
      expect(await backend.list()).toEqual(['0_1'])
      expect((await open('0_0')).checkpoint).toBeUndefined()
    })

    test('a closed database refuses every call but close', async () => {
      const store = await open()
      await store.close()
      await store.close()
      const misused = { code: 'STATE_MISUSED' }
      await expect(store.get('counts', key('a'))).rejects.toMatchObject(misused)
      await expect(store.getMany('counts', [key('a')])).rejects.toMatchObject(misused)
      await expect(put(store, 'counts', {})).rejects.toMatchObject(misused)
      await expect(store.clear()).rejects.toMatchObject(misused)
      expect(() => store.scan('counts')).toThrow(expect.objectContaining(misused))
      expect(() => store.checkpoint).toThrow(expect.objectContaining(misused))
    })

    test('closing waits for the writes under way', async () => {
      const store = await open()
      const write = put(store, 'counts', { a: '1' }, 3)
      await store.close()
      await write
      expect((await open()).checkpoint).toEqual(checkpointAt(3))
    })

    test('agrees with a map for random writes, reads and reopenings', async () => {
      const bytes = fc.uint8Array({ maxLength: 3 }).map(part => Buffer.from(part).toString('latin1'))
      const command = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({
            store: fc.constantFrom('a', 'ab'),
            entries: fc.array(fc.tuple(bytes, fc.option(bytes)), { maxLength: 6 }),
          }),
        },
        { weight: 1, arbitrary: fc.constantFrom('reopen' as const, 'clear' as const) },
      )
      await fc.assert(
        fc.asyncProperty(
          fc.array(command, { maxLength: 12 }),
          fc.tuple(bytes, bytes),
          async (commands, [from, to]) => {
            await backend.destroy('property')
            let store = await backend.open('property')
            const model = new Map([
              ['a', new Map<string, string>()],
              ['ab', new Map<string, string>()],
            ])
            let position = 0
            let checkpoint: Checkpoint | undefined
            try {
              for (const step of commands) {
                if (step === 'reopen') {
                  await store.close()
                  store = await backend.open('property')
                } else if (step === 'clear') {
                  await store.clear()
                  for (const values of model.values()) values.clear()
                  checkpoint = undefined
                } else {
                  const changes = step.entries.map(([k, v]) => ({
                    key: key(k),
                    value: v === null ? null : key(v),
                  }))
                  checkpoint = checkpointAt(++position)
                  await store.write(new Map([[step.store, changes]]), checkpoint)
                  for (const [k, v] of step.entries) {
                    if (v === null) model.get(step.store)!.delete(k)
                    else model.get(step.store)!.set(k, v)
                  }
                }
                expect(store.checkpoint).toEqual(checkpoint)
              }
              for (const [name, values] of model) {
                const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1))
                expect(await entriesOf(store, name)).toEqual(sorted)
                expect(await entriesOf(store, name, { from: key(from), to: key(to) })).toEqual(
                  sorted.filter(([k]) => k >= from && k < to),
                )
                const found = await store.getMany(name, [key(from), key(to)])
                expect(found.map(value => value?.toString('latin1'))).toEqual([
                  values.get(from),
                  values.get(to),
                ])
              }
            } finally {
              await store.close()
            }
          },
        ),
        { numRuns: 20 },
      )
    })
  })
}
