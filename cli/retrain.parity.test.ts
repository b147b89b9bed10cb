/** A running node whose release guesses, a person who labels, and the command that makes something better of it. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { fileStore } from '../lake/file-store.ts'
import { labelledSamples } from '../processors/feature-store/feature-store.ts'
import { featureSchema } from '../processors/features/schema.ts'
import { releaseJson } from '../processors/models/release.ts'
import { readPrivateKey, signRelease } from '../processors/models/signature.ts'
import { guessing } from '../processors/models/testing/guessing.ts'
import { printed, type Scratch, scratch } from '../test/node-process.ts'
import { tickerwatch } from '../test/tickerwatch.ts'

const recordings = new URL('../../shared/data/motionsense-10hz/', import.meta.url)
const python = process.env.PYSPARK_PYTHON ?? 'python3'
const reason = !existsSync(recordings)
  ? 'no ../shared/data'
  : spawnSync(python, ['-c', 'import onnxmltools, xgboost']).status !== 0
    ? `no ${python} with xgboost`
    : undefined

const given = z.object({
  window: z
    .object({
      deviceId: z.string(),
      windowStart: z.number(),
      probabilities: z.array(z.object({ label: z.string() })),
    })
    .nullable(),
})

const listed = z.object({
  inForce: z.object({ name: z.string(), version: z.string() }).optional(),
  known: z.array(z.object({ version: z.string(), status: z.string(), trust: z.string() })),
})

describe.skipIf(reason)(`retrain${reason ? ` (${reason})` : ''}`, () => {
  let own: Scratch
  beforeAll(async () => {
    own = await scratch()
    const files = readdirSync(recordings)
    const parts = { base: files.slice(0, 3), unseen: files.slice(3, 6), streamed: files.slice(6, 7) }
    for (const [part, people] of Object.entries(parts)) {
      mkdirSync(own.path(part))
      for (const file of people)
        copyFileSync(fileURLToPath(new URL(file, recordings)), `${own.path(part)}/${file}`)
    }
  })
  afterAll(() => own.remove())

  it('signs and promotes what is better than the release in force, and says why the next one is not', async () => {
    const [key, state] = [own.path('key'), own.path('state')]
    await succeed('models', 'keygen', key)
    const node = own.start(
      'state',
      ...['--model', 'pocket', '--recordings', own.path('streamed'), '--trusted-keys', `${key}.pub`],
    )
    const said = printed(node)
    try {
      await expect.poll(said, { timeout: 300_000 }).toMatch(/console +http/)
      const guesses = await guessing('pocket', '1.5.0', [
        'Downstairs',
        'Jog',
        'Sit',
        'Stand',
        'Upstairs',
        'Walk',
      ])
      const signed = { ...guesses, signature: signRelease(guesses, await readPrivateKey(key)) }
      await writeFile(own.path('guesses.json'), JSON.stringify(releaseJson(signed)))
      await succeed('models', 'publish', own.path('guesses.json'), '--promote', '--state', state)
      await expect.poll(() => inForce(state), { timeout: 60_000 }).toBe('1.5.0')
      // What guesses is unsure, so there is soon something to label.
      await label(state, 5)

      const retrain = async () => {
        const people = ['--recordings', own.path('base'), '--unseen', own.path('unseen')]
        const common = ['--python', python, '--key', key, '--state', state, '--json']
        return JSON.parse((await succeed('retrain', ...people, ...common)).at(-1) ?? '')
      }
      const unsigned = await tickerwatch('retrain', '--recordings', own.path('base'), '--state', state)
      expect([unsigned.code, unsigned.stderr[0]]).toEqual([
        1,
        expect.stringContaining('only signed releases are taken, and no --key is given'),
      ])
      const first = await retrain()
      expect(first).toMatchObject({
        candidate: 'pocket@1.6.0',
        serving: 'pocket@1.5.0',
        published: true,
        promoted: true,
        objections: [],
        unseen: { people: 3, servingMayKnow: false },
      })
      const { annotated } = first.trained
      expect(annotated + first.leftOut.random).toBe(5)
      await expect.poll(() => inForce(state), { timeout: 60_000 }).toBe('1.6.0')
      const second = await retrain()
      expect(second).toMatchObject({
        candidate: 'pocket@1.7.0',
        serving: 'pocket@1.6.0',
        published: true,
        promoted: false,
        objections: [expect.stringContaining('is not above 0')],
      })
      const { inForce: serving, known } = await releases(state)
      expect(serving).toEqual({ name: 'pocket', version: '1.6.0' })
      expect(known).toContainEqual(
        expect.objectContaining({ version: '1.7.0', status: 'candidate', trust: 'signed' }),
      )
    } finally {
      node.kill('SIGKILL')
    }
  })

  /** A person labels so many windows, which are then in the feature store. */
  async function label(state: string, count: number): Promise<void> {
    const page = new URL((await succeed('annotate', '--state', state))[0] ?? '')
    const token = new URLSearchParams(page.hash.slice(1)).get('token')
    const call = async (path: string, body: object): Promise<unknown> => {
      const response = await fetch(new URL(`/api/annotation/${path}`, page), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ annotator: 'anna', ...body }),
      })
      if (response.status !== 200) throw new Error(await response.text())
      return await response.json()
    }
    for (let labelled = 0; labelled < count; labelled++) {
      let window: z.infer<typeof given>['window'] = null
      const next = async () => {
        window = given.parse(await call('next', {})).window
        return window
      }
      await expect.poll(next, { timeout: 300_000 }).not.toBeNull()
      const { deviceId, windowStart, probabilities } = given.shape.window.unwrap().parse(window)
      const [{ label } = { label: '' }] = probabilities
      await call('answer', { deviceId, windowStart, verdict: 'labelled', label })
    }
    const stored = async () =>
      (await labelledSamples(fileStore(`${state}/feature-store`), featureSchema.hash)).length
    await expect.poll(stored, { timeout: 120_000 }).toBe(count)
  }
})

async function succeed(...words: string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await tickerwatch(...words)
  if (code !== 0) throw new Error(stderr.join('\n'))
  return stdout
}

async function releases(state: string) {
  return listed.parse(JSON.parse((await succeed('models', 'list', '--state', state, '--json')).join('\n')))
}

async function inForce(state: string): Promise<unknown> {
  return (await releases(state)).inForce?.version
}
