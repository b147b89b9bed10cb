/** The product with its predictions in a real PostgreSQL. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type PostgresServer,
  postgresServer,
  postgresUnavailable,
} from '../../processors/sinks/testing/postgres-server.ts'
import { type Scratch, scratch } from '../../test/node-process.ts'

const reason = postgresUnavailable()

describe.skipIf(reason !== undefined)(`on PostgreSQL ${reason ?? ''}`, () => {
  let own: Scratch
  let server: PostgresServer
  beforeAll(async () => {
    own = await scratch()
    server = await postgresServer()
    await server.start()
  })
  afterAll(async () => {
    await server.remove()
    await own.remove()
  })

  test('each run adds its predictions, one row each', async () => {
    const directory = await own.recordings('recordings', '--devices', '4', '--for', '1m')
    const client = new pg.Client(server.url)
    await client.connect()
    let rows = 0
    for (const name of ['first', 'second']) {
      const { report } = await own.run(name, '--recordings', directory, '--speed', 'max', '--sql', server.url)
      rows += report.predictions
      const counted = await client.query(
        'select count(*)::int as rows, count(distinct log_id)::int as logs from predictions',
      )
      expect(counted.rows).toEqual([{ rows, logs: name === 'first' ? 1 : 2 }])
    }
    await client.end()
  })
})
