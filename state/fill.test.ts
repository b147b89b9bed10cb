import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkpointAt, entriesOf } from './contract.ts'
import { filledBeside } from './fill.ts'
import { memoryBackend } from './memory.ts'
import type { StateBackend, StoreChange, TaskStore } from './store.ts'

const change = (key: string, value: string | null): StoreChange => ({
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
})
const named = (index: number): string => `key-${String(index).padStart(6, '0')}`

/** Contents of three chunks. */
const SIZE = 5000
const contents = (): Map<string, StoreChange[]> =>
  new Map([['counts', Array.from({ length: SIZE }, (_, i) => change(named(i), 'old'))]])

/** What is in the database of a backend now, as a process would find it after a crash. */
async function onDisk(backend: StateBackend, database: TaskStore) {
  await database.close()
  const found = await backend.open('0_0')
  return { checkpoint: found.checkpoint, entries: new Map(await entriesOf(found, 'counts')) }
}

/** A database whose writes wait for the test. */
function held(database: TaskStore) {
  const waiting: { go(): void; fail(error: Error): void; readonly keys: number }[] = []
  const store: TaskStore = {
    ...{ get: database.get.bind(database), getMany: database.getMany.bind(database) },
    ...{ scan: database.scan.bind(database), clear: database.clear.bind(database) },
    close: () => database.close(),
    get checkpoint() {
      return database.checkpoint
    },
    async write(changes, checkpoint) {
      await new Promise<void>((go, fail) =>
        waiting.push({ go, fail, keys: [...changes.values()].flat().length }),
      )
      await database.write(changes, checkpoint)
    },
  }
  const next = async () => {
    for (let turns = 0; waiting.length === 0 && turns < 100; turns++) await settle()
    return waiting.shift()!
  }
  return { store, next, waiting }
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('a database filled beside its use', () => {
  it('has it all in the end, and what was committed meanwhile', async () => {
    const backend = memoryBackend()
    const database = filledBeside(await backend.open('0_0'), contents(), checkpointAt(7))
    await database.write(
      new Map([['counts', [change(named(0), 'new'), change(named(SIZE - 1), null), change('more', 'new')]]]),
      checkpointAt(10),
    )
    const { checkpoint, entries } = await onDisk(backend, database)
    expect(checkpoint).toEqual(checkpointAt(10))
    expect(entries.size).toBe(SIZE)
    expect([entries.get(named(0)), entries.get(named(1)), entries.get('more')]).toEqual(['new', 'old', 'new'])
    expect(entries.has(named(SIZE - 1))).toBe(false)
  })

  it('says that it has nothing of a store until it is whole', async () => {
    const inner = await memoryBackend().open('0_0')
    const { store, next } = held(inner)
    const database = filledBeside(store, contents(), checkpointAt(7))
    const written = database.write(new Map([['counts', [change('more', 'new')]]]), checkpointAt(10))
    for (let keys = 0; keys < SIZE + 1; ) {
      const write = await next()
      keys += write.keys
      write.go()
      await settle()
      expect(inner.checkpoint?.positions).toEqual({ counts: 0 })
    }
    await written
    ;(await next()).go()
    await settle()
    expect(inner.checkpoint).toEqual(checkpointAt(10))
  })

  it('never says that it reflects a commit that was not written', async () => {
    const inner = await memoryBackend().open('0_0')
    const { store, next } = held(inner)
    const database = filledBeside(store, contents(), checkpointAt(7))
    ;(await next()).go()
    const written = database.write(new Map([['counts', [change(named(1), 'new')]]]), checkpointAt(10))
    const outcomes: string[] = []
    written.catch(error => outcomes.push(error.message))
    while (inner.checkpoint?.positions.counts !== 7) {
      const write = await next()
      if (write.keys === 1) write.fail(new Error('the disk is full'))
      else write.go()
      await settle()
    }
    expect(outcomes).toEqual(['the disk is full'])
  })

  it('takes no more commits once it could not be filled', async () => {
    const { store, next } = held(await memoryBackend().open('0_0'))
    const database = filledBeside(store, contents(), checkpointAt(7))
    ;(await next()).fail(new Error('the disk is full'))
    await expect(database.write(new Map(), checkpointAt(10))).rejects.toThrow('the disk is full')
  })

  it('agrees with a database that was filled before, whatever is committed when', async () => {
    const commits = fc.array(
      fc.record({
        turns: fc.nat(3),
        changes: fc.array(fc.record({ index: fc.nat(SIZE), value: fc.option(fc.constantFrom('a', 'b')) })),
      }),
      { maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(commits, async commits => {
        const [beside, before] = [memoryBackend(), memoryBackend()]
        const database = filledBeside(await beside.open('0_0'), contents(), checkpointAt(1))
        const expected = await before.open('0_0')
        await expected.write(contents(), checkpointAt(1))
        for (const [i, { turns, changes }] of commits.entries()) {
          for (let turn = 0; turn < turns; turn++) await settle()
          const batch = new Map([['counts', changes.map(({ index, value }) => change(named(index), value))]])
          await database.write(batch, checkpointAt(i + 2))
          await expected.write(batch, checkpointAt(i + 2))
        }
        expect(await onDisk(beside, database)).toEqual(await onDisk(before, expected))
      }),
      { numRuns: 30 },
    )
  })
})
