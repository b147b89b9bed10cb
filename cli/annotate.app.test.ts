/** A running node, a person who labels, and what is left in the feature store when the node has stopped. */
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { fileStore } from '../lake/file-store.ts'
import { storedAnnotations } from '../processors/feature-store/feature-store.ts'
import { featureSchema } from '../processors/features/schema.ts'
import { printed, type Scratch, scratch } from '../test/node-process.ts'
import { tickerwatch } from '../test/tickerwatch.ts'

const given = z.object({
  window: z
    .object({
      deviceId: z.string(),
      windowStart: z.number(),
      predicted: z.string(),
      sampleTimes: z.array(z.number()),
      signals: z.record(z.string(), z.array(z.number().nullable())),
      probabilities: z.array(z.object({ label: z.string(), probability: z.number() })),
    })
    .nullable(),
})

let own: Scratch
beforeAll(async () => {
  own = await scratch()
})
afterAll(() => own.remove())

test('labels given to a running node are in the feature store, with the features that were scored', async () => {
  const node = own.start('annotated', '--devices', '20')
  const said = printed(node)
  try {
    await expect.poll(said, { timeout: 300_000 }).toMatch(/console +http/)
    const { stdout } = await tickerwatch('annotate', '--state', own.path('annotated'))
    const page = new URL(stdout[0] ?? '')
    expect((await fetch(page)).status).toBe(200)
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
    const windows = []
    for (let labelled = 0; labelled < 3; labelled++) {
      let window: z.infer<typeof given>['window'] = null
      await expect
        .poll(
          async () => {
            window = given.parse(await call('next', {})).window
            return window
          },
          { timeout: 300_000 },
        )
        .not.toBeNull()
      const { deviceId, windowStart, probabilities, sampleTimes, signals } = given.shape.window
        .unwrap()
        .parse(window)
      expect(signals.pitch).toHaveLength(sampleTimes.length)
      const label = probabilities[labelled]?.label ?? ''
      await call('answer', { deviceId, windowStart, verdict: 'labelled', label })
      windows.push({ deviceId, windowStart, label })
    }
    node.kill('SIGTERM')
    expect(await once(node, 'exit')).toEqual([0, null])
    const stored = []
    for await (const row of storedAnnotations(fileStore(own.path('annotated/feature-store')))) {
      expect(row.features).toHaveLength(featureSchema.features.length)
      expect(row).toMatchObject({
        annotator: 'anna',
        modelName: 'watch',
        featureSchemaHash: featureSchema.hash,
      })
      stored.push({ deviceId: row.deviceId, windowStart: row.windowStart, label: row.label })
    }
    const place = ({ deviceId, windowStart }: { deviceId: string; windowStart: number }): string =>
      `${deviceId} ${windowStart}`
    expect(stored.sort((a, b) => (place(a) < place(b) ? -1 : 1))).toEqual(
      windows.sort((a, b) => (place(a) < place(b) ? -1 : 1)),
    )
  } finally {
    node.kill('SIGKILL')
  }
})
