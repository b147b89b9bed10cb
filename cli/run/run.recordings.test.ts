/** The recordings of 30 people through the whole product, twice. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Scratch, scratch } from '../../test/node-process.ts'

let own: Scratch
beforeAll(async () => {
  own = await scratch()
})
afterAll(() => own.remove())

test('every reading is taken, every window predicted and stored, and a second run predicts the same', async () => {
  const stream = async (name: string) =>
    (await own.run(name, '--recordings', '../shared/data/wisdm_watch-10hz', '--speed', 'max')).report
  const first = await stream('first')
  expect(first).toMatchObject({ readings: 969_027, late: 0, deadLettered: 0, finalLag: 0 })
  expect([first.predictions, first.sqlRows]).toEqual([first.windows, first.windows])
  const { seconds: _, readingsPerSecond: __, ...second } = await stream('second')
  expect(first).toMatchObject(second)
})
