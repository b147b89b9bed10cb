import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channels, decodeTemplate, readProfile, shippedProfile } from './profile.ts'

const shipped = new URL('profiles/watch.json.gz', import.meta.url)

describe('the shipped profiles', () => {
  it.each([
    ['watch', /WISDM.*CC BY 4\.0/, '969027', 30, 18],
    ['pocket', /MotionSense.*MIT/, '187562', 16, 6],
  ])('%s says where it comes from', async (name, source, rows, people, labels) => {
    const profile = await shippedProfile(name)
    expect(profile.lineage).toMatchObject({
      source: expect.stringMatching(source),
      script: 'spark-jobs/descriptive_statistics.py',
      rows,
      people: String(people),
    })
    expect(profile.people).toHaveLength(people)
    expect(new Set(profile.people.flatMap(({ activities }) => Object.keys(activities))).size).toBe(labels)
  })

  it('are small', async () => {
    const sizes = ['watch', 'pocket'].map(name => new URL(`profiles/${name}.json.gz`, import.meta.url))
    const bytes = await Promise.all(sizes.map(async url => (await stat(url)).size))
    expect(bytes.reduce((a, b) => a + b)).toBeLessThan(2_000_000)
  })
})

it('decodes amplitudes as decibels below the peak, phases as parts of a turn after the envelope', () => {
  const amplitude = new Uint8Array(1 + channels.length)
  amplitude[0] = 63 // the envelope
  amplitude[1] = 63 - 6
  const phase = new Uint8Array(channels.length)
  phase[0] = 16 // a quarter
  const template = decodeTemplate({ weight: 1, mean: [], peak: 2, amplitude, phase })
  expect(Array.from(template.real.subarray(0, 3))).toEqual([2, expect.closeTo(0, 12), 0])
  expect(template.imaginary[1]).toBeCloseTo(2 * 10 ** (-6 / 20), 12)
})

describe('refused in one line', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'profile-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const soup = ['people', 2, 'activities', 'soup']

  /** What is said of the shipped profile with one part replaced, or removed where there is no value. */
  const refusal = async (path: readonly (string | number)[], value: unknown): Promise<Error> => {
    const profile = JSON.parse(gunzipSync(await readFile(shipped)).toString())
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
    ['an activity nobody stays in', [...soup, 'dwell'], [], /activities\.soup: has no dwell times/],
    ['a person without activities', ['people', 2, 'activities'], {}, /activities\.: there is none/],
    [
      'a way to nowhere',
      [...soup, 'nextAfterGap', 'nap'],
      1,
      /activities\.soup: goes on in nap, which is missing/,
    ],
    ['too few quantiles', ['levels'], [0, 1], /has not 2 quantiles of each channel/],
    ['gaps of unknown length', [...soup, 'gap'], [1], /has not 9 quantiles of gaps/],
    ['digits of another alphabet', [...soup, 'templates', 0, 'phase'], '*', /phase: /],
    ['templates of another size', ['block'], 128, /is not of 63 frequencies/],
    ['a block that no transform takes', ['block'], 48, /block: must be a power of two/],
  ])('%s', async (_, path, value, message) => {
    expect(await refusal(path, value)).toMatchObject({
      code: 'PROFILE_INVALID',
      message: expect.stringMatching(message),
    })
  })
})
