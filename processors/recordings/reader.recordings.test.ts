import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openRecordings } from './reader.ts'

const data = (name: string): string => fileURLToPath(new URL(`../../../shared/data/${name}`, import.meta.url))
const now = () => Date.UTC(2026, 0, 1)

it('reads every row of the watch recordings, in order', async () => {
  const recordings = await openRecordings(data('wisdm_watch-10hz'), { now })
  const counts = { reading: 0, end: 0, malformed: 0 }
  let disorder = 0
  let last = { stamp: 0, deviceId: '' }
  for await (const chunk of recordings.events())
    for (const event of chunk) {
      counts[event.kind]++
      if (event.kind !== 'reading') continue
      const { stamp, deviceId } = event.reading
      if (stamp < last.stamp || (stamp === last.stamp && deviceId <= last.deviceId)) disorder++
      last = event.reading
    }
  expect(recordings.devices).toHaveLength(30)
  expect(counts).toEqual({ reading: 969_027, end: 30, malformed: 0 })
  expect(disorder).toBe(0)
})

it('refuses files that are no recordings', async () => {
  await expect(openRecordings(data('casas-real'), { now })).rejects.toMatchObject({
    code: 'RECORDING_FOREIGN',
    message: expect.stringMatching(/arwise_p1\.csv\.gz is not a recording: it has 10 columns/),
  })
})
