import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { objectStoreContract, raised } from './contract.ts'
import { fileStore } from './file-store.ts'
import { openStore } from './open-store.ts'

let scratch: string
let stores = 0
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-lake-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

objectStoreContract('a directory', async () => fileStore(join(scratch, `store ${stores++}`)))

test('what a crash left unfinished is not listed, and no key leads there', async () => {
  const directory = join(scratch, 'crashed')
  const store = fileStore(directory)
  await store.put('whole', Buffer.from('x'))
  await writeFile(join(directory, '.unfinished', 'half'), 'y')
  const found: string[] = []
  for await (const { key } of store.list()) found.push(key)
  expect(found).toEqual(['whole'])
  await expect(store.get('.unfinished/half')).rejects.toEqual(raised('OBJECT_KEY_INVALID'))
})

test('nothing unfinished is left behind, also where a folder takes the place', async () => {
  const directory = join(scratch, 'taken')
  const store = fileStore(directory)
  await mkdir(join(directory, 'folder', 'within'), { recursive: true })
  await expect(store.put('folder', Buffer.from('x'))).rejects.toThrow()
  expect(await readdir(join(directory, '.unfinished'))).toEqual([])
})

test('a place is a directory, a URL of one, or a bucket; others are refused, and their secrets not told', async () => {
  const directory = join(scratch, 'by url')
  await (await openStore(directory)).put('key', Buffer.from('x'))
  const again = await openStore(fileStore(directory).url)
  expect(`${await again.get('key')}`).toBe('x')
  const bucket = await openStore('s3://some-bucket/a/prefix/')
  expect(bucket.url).toBe('s3://some-bucket/a/prefix/')
  await bucket.close()
  for (const wrong of [
    'http://host/x',
    's3://',
    's3://B_',
    's3://b@cket/x',
    's3://bucket/x?y',
    'file://host/x',
  ])
    await expect(openStore(wrong), wrong).rejects.toEqual(raised('OBJECT_STORE_URL_INVALID'))
  await expect(openStore('s3://user:secret@bucket/x')).rejects.toEqual(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  )
})
