/** That a soak would tell what it looks for: windows that are missing, doubled or wrong, and a process that holds more and more. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { forest } from '../../processors/models/testing/onnx.ts'
import { generate, inputRecords } from '../watch/input.ts'
import { recompute } from '../watch/recomputation.ts'
import { CYCLE, EndlessWindows, PER_DEVICE, SLICE } from './input.ts'
import { holding } from './usage.ts'

const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-soak-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('every window of readings without end is known, and each that is lost, doubled or wrong is told', async () => {
  const [path, devices, cycles] = [join(directory, 'cycle.bin'), 4, 6]
  await generate(path, { records: devices * PER_DEVICE, devices, signal: new AbortController().signal })
  const model = join(directory, 'model.onnx')
  writeFileSync(model, forest({ width: 46, classes: 6, trees: 20, seed: 3 }))
  const readingSchema = join(import.meta.dirname, '../watch/schemas/SensorReading.avsc')
  const windows = await EndlessWindows.of(path, { model, readingSchema })
  const all = await recompute(
    Array.from({ length: cycles }, (_, i) => i * CYCLE).flatMap(later =>
      [...inputRecords(path)].map(record => ({ ...record, timestamp: record.timestamp + later })),
    ),
    { model, readingSchema },
  )
  const slices = (cycles * devices * PER_DEVICE) / SLICE
  const emitted = [...all].map(([name, window]) => {
    const [device, start] = name.split(' ')
    return [device!, Number(start), window] as const
  })
  const [lost, ...others] = emitted
  for (const each of others) windows.take(...each)
  const clean = { windows: emitted.length, missing: 0, doubled: 0, wrong: 0 }
  expect(windows.found(slices)).toEqual({ ...clean, missing: 1 })
  windows.take(...lost!)
  expect(windows.found(slices)).toEqual(clean)

  windows.take(...emitted.at(-1)!)
  expect(windows.found(slices)).toEqual({ ...clean, doubled: 1 })
  const [device, start, window] = lost!
  windows.take(device, start, { ...window, count: window.count + 1 })
  windows.take('nobody', start, window)
  // One that is not closed yet.
  windows.take(device, Math.max(...emitted.map(each => each[1])) + 2500, window)
  expect(windows.found(slices)).toMatchObject({ missing: 0, doubled: 2 })
  expect(windows.found(slices).wrong).toBeGreaterThanOrEqual(3)
})

test('growth is the median slope, which a peak does not bend', () => {
  const points = (value: (at: number) => number) =>
    Array.from({ length: 100 }, (_, i) => [i * 5, value(i * 5)] as const)
  const flat = (first: number, second: number): boolean => second <= first * 1.1
  const steady = holding(
    points(at => (at === 50 ? 900 : 300)),
    flat,
  )
  expect(steady).toEqual({ firstHalf: 300, secondHalf: 300, most: 900, growthPerHour: 0, flat: true })
  const leaking = holding(
    points(at => 300 + at / 5),
    flat,
  )
  expect(leaking).toMatchObject({ growthPerHour: 720, flat: false })
})
