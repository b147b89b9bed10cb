/** Real recordings through the stream: the windows are those that training cut from them, and the release knows its own people. */
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { expect, test } from 'vitest'
import { systemTimers } from '../../topology/index.ts'
import { shippedRelease } from '../models/shipped.ts'
import { openRecordings } from '../recordings/reader.ts'
import { evaluate } from './evaluate.ts'

const directory = fileURLToPath(new URL('../../../shared/data/motionsense-10hz', import.meta.url))

test('the people that pocket was trained on', async () => {
  const release = await shippedRelease('pocket')
  const evaluation = await evaluate({
    release,
    recordings: await openRecordings(directory, { now: Date.now }),
    timers: systemTimers,
    logger: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    onProgress: () => {},
  })
  const { people, windows } = release.metrics
  expect(evaluation).toMatchObject({ devices: people, windows, malformedRows: 0 })
  expect(evaluation.leftOut).toEqual({ mixed: 0, unlabelled: 0, otherLabels: {} })
  expect(evaluation.accuracy).toBeGreaterThan(0.99)
})
