import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channels, decodeTemplate, readProfile, shippedProfile } from './profile.ts'

const shipped = new URL('profiles/watch.json', import.meta.url)

describe('the shipped profile', () => {
  it('says where it comes from, and holds every activity of everybody in it', async () => {
    const profile = await shippedProfile('watch')
    expect(profile.lineage).toMatchObject({
      source: expect.stringMatching(/WISDM.*CC BY 4\.0/),
      script: 'spark-jobs/descriptive_statistics.py',
      rows: '969027',
    })
    expect(profile.labels).toHaveLength(18)
    expect(profile.people).toHaveLength(10)
  })

  it('is small', async () => {
    expect((await stat(shipped)).size).toBeLessThan(600 * 1024)
  })
})

it('decodes amplitudes as decibels below the peak, phases as parts of a turn after the envelope', () => {
  const amplitude = Buffer.alloc(1 + channels.length)
  amplitude[0] = 255 // the envelope
  amplitude[1] = 255 - 20 // 6 dB below
  const phase = Buffer.alloc(channels.length)
  phase[0] = 64 // a quarter
  const template = decodeTemplate({ mean: [], peak: 2, amplitude, phase })
  expect(Array.from(template.real.subarray(0, 3))).toEqual([2, expect.closeTo(0, 12), 0])
  expect(template.imaginary[1]).toBeCloseTo(2 * 10 ** (-6 / 20), 12)
})

describe('refused in one line', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'profile-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  /** What is said of the shipped profile with one part replaced, or removed where there is no value. */
  const refusal = async (path: readonly (string | number)[], value: unknown): Promise<Error> => {
    const profile = JSON.parse(await readFile(shipped, 'utf8'))
    let part = profile
    for (const key of path.slice(0, -1)) part = part[key]
    part[path.at(-1)!] = value
    const file = join(directory, 'profile.json')
    await writeFile(file, JSON.stringify(profile))
    return readProfile(file).then(
      () => expect.unreachable(),
      error => error,
    )
  }

  it('a file that is not there or not JSON', async () => {
    await expect(readProfile(join(directory, 'absent'))).rejects.toMatchObject({ code: 'PROFILE_INVALID' })
    await writeFile(join(directory, 'text'), 'no JSON')
    await expect(readProfile(join(directory, 'text'))).rejects.toThrow(
      /is not a generator profile: it is not JSON$/,
    )
  })

  it.each<[string, (string | number)[], unknown, RegExp]>([
    ['no name', ['name'], undefined, /name: /],
    ['other channels', ['channels', 0], 'yaw', /channels\.0: /],
    ['an activity nobody stays in', ['dwell', 'soup'], undefined, /dwell\.soup: is missing/],
    [
      'a person without an activity',
      ['people', 2, 'activities', 'soup'],
      undefined,
      /activities\.soup: is missing/,
    ],
    [
      'a way to nowhere',
      ['transitions', 'soup', 'nap'],
      0.5,
      /transitions\.soup\.nap: is not among the labels/,
    ],
    ['templates of another size', ['block'], 128, /has a template that is not of 63 frequencies/],
  ])('%s', async (_, path, value, message) => {
    expect(await refusal(path, value)).toMatchObject({
      code: 'PROFILE_INVALID',
      message: expect.stringMatching(message),
    })
  })
})
