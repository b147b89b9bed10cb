import { mkdtemp, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { stagedThroughS3, sweep } from './redshift-staging.ts'
import type { Sql } from './sql.ts'

let directory: string
let store: ObjectStore
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-staging-'))
  store = fileStore(directory)
})
afterAll(() => rm(directory, { recursive: true }))

async function keys(): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list()) found.push(key)
  return found
}

/** `transaction` of a Redshift that does with a COPY what it is told to. */
function redshift(copied: (manifest: string) => Promise<void>): Pick<Sql, 'transaction'> {
  return {
    transaction: work =>
      work({
        query: async text => {
          await copied(/from 'file:\/\/.*\/(sink-staging\/.*)'/.exec(text)?.[1] ?? '')
          return { rows: [], affected: 0 }
        },
        copy: () => Promise.reject(new Error('from S3 only')),
      }),
  }
}

const parts = ['log/0/0-2', 'log/1/5-6'].map(name => ({ name, csv: Buffer.from(`"${name}"\n`) }))

test('COPY finds the files that its manifest lists, and they are gone when the transaction is over', async () => {
  const seen: string[] = []
  const transaction = stagedThroughS3(
    redshift(async manifest => {
      const { entries } = JSON.parse((await store.get(manifest)).toString())
      for (const { url, mandatory } of entries) {
        expect(mandatory).toBe(true)
        seen.push(gunzipSync(await store.get(url.slice(store.url.length))).toString())
      }
    }),
    { store, role: 'default' },
  )
  await transaction(session => session.copy('t', ['a'], parts))
  expect(seen).toEqual(['"log/0/0-2"\n', '"log/1/5-6"\n'])
  expect(await keys()).toEqual([])
})

test('a COPY that fails leaves no file behind, and a file that cannot be deleted fails nothing', async () => {
  const failing = stagedThroughS3(
    redshift(() => Promise.reject(new Error('cut'))),
    { store, role: 'default' },
  )
  await expect(failing(session => session.copy('t', ['a'], parts))).rejects.toThrow('cut')
  expect(await keys()).toEqual([])

  const stubborn = { ...store, delete: () => Promise.reject(new Error('denied')) }
  const working = stagedThroughS3(
    redshift(async () => {}),
    { store: stubborn, role: 'default' },
  )
  await working(session => session.copy('t', ['a'], parts))
  expect(await keys()).toHaveLength(3)
})

test('what killed processes left is deleted after a day, and nothing else', async () => {
  await store.put('mine', Buffer.from(''))
  const left = (await keys()).filter(key => key.startsWith('sink-staging/'))
  const [old = '', ...young] = left
  const now = Date.now()
  await utimes(join(directory, old), now / 1_000 - 90_000, now / 1_000 - 90_000)
  await sweep(store, now)
  expect(await keys()).toEqual(['mine', ...young])
})
