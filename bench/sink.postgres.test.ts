import { expect, test } from 'vitest'
import { postgresUnavailable } from '../processors/sinks/testing/postgres-server.ts'
import { figures } from './bench-process.ts'

const reason = postgresUnavailable()

test.skipIf(reason !== undefined)(`sink --rows 20000 --rounds 1 ${reason ?? ''}`, async () => {
  const found = await figures('sink --rows 20000 --rounds 1'.split(' '))
  const [rate, cost] = found.filter(({ what }) => what === 'the sink')
  expect(rate).toMatchObject({ unit: 'rows/s', value: expect.any(Number), ratio: expect.any(Number) })
  expect(cost).toMatchObject({ unit: 'CPU-s/M', value: expect.any(Number) })
  expect(found.at(-1)).toMatchObject({ what: 'the server, with the sink', unit: 'CPU-s/M' })
})
