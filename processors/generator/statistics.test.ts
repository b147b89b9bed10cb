import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { parquetBytes, text } from '../../lake/testing/parquet.ts'
import { shippedProfile } from './profile.ts'
import { profileFromLake, profileFromSql } from './statistics.ts'

interface Document {
  people: { id: string; activities: Record<string, unknown> }[]
}

let directory: string
let store: ObjectStore
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'statistics-'))
  store = fileStore(directory)
})
afterEach(() => rm(directory, { recursive: true }))

/** As the job writes them: one for each person and activity, here in no order. */
async function documents(): Promise<string[]> {
  const path = new URL('profiles/pocket.json.gz', import.meta.url)
  const profile: Document = JSON.parse(gunzipSync(await readFile(path)).toString())
  const parts = profile.people.flatMap(person =>
    Object.entries(person.activities).map(([label, activity]) =>
      JSON.stringify({ ...profile, people: [{ ...person, activities: { [label]: activity } }] }),
    ),
  )
  return parts
    .map((part, i) => [(i * 7919) % 101, part] as const)
    .sort(([a], [b]) => a - b)
    .map(([, part]) => part)
}

const put = (key: string, profile: readonly (string | null)[]) =>
  store.put(
    key,
    parquetBytes({
      person: { ...text, values: profile.map(() => 'somebody') },
      profile: { ...text, values: profile },
    }),
  )

test('the profile in the lake and in SQL is the one it was made of, whatever the order of the rows', async () => {
  const all = await documents()
  await put('name=pocket/a.parquet', [...all.slice(0, 40), null])
  await put('name=pocket/b.parquet', all.slice(40))
  await put('name=watch/a.parquet', ['{}'])
  const shipped = await shippedProfile('pocket')
  expect(await profileFromLake(store, 'pocket')).toEqual(shipped)
  const asked: unknown[] = []
  const sql = {
    description: 'a script',
    query: async (_: string, params: readonly unknown[] = []) => {
      asked.push(params[0])
      return { rows: all.map(profile => ({ profile })), affected: 0 }
    },
  }
  expect(await profileFromSql(sql, 'pocket')).toEqual(shipped)
  expect(asked).toEqual(['pocket'])
})

test('none of that name, rows of two profiles, a row that is none: named in one line', async () => {
  const all = await documents()
  const refused = (name: string, code: string, message: RegExp) =>
    expect(profileFromLake(store, name)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  await put('name=pocket/a.parquet', all)
  await refused('watch', 'PROFILE_MISSING', /^there is no profile watch: file:.*name=watch$/)
  await put('name=mixed/a.parquet', [all[0]!, all[1]!.replace(/"rows":"\d+"/, '"rows":"1"')])
  await refused('mixed', 'PROFILE_INVALID', /name=mixed is not one generator profile: its rows differ$/)
  await put('name=broken/a.parquet', ['{"people":'])
  await refused('broken', 'PROFILE_INVALID', /name=broken has a row that is no generator profile$/)
  await put('name=partial/a.parquet', all.slice(0, 3))
  await refused('partial', 'PROFILE_INVALID', /name=partial is not a generator profile: /)
})
