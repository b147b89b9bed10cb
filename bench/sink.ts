/** Predictions from the log in memory into a PostgreSQL of its own, exactly once. */
import { readFileSync } from 'node:fs'
import { migrate } from '../processors/sinks/migrations.ts'
import { openPostgres } from '../processors/sinks/postgres.ts'
import { predictionColumns, predictionLine } from '../processors/sinks/predictions-table.ts'
import type { Sql } from '../processors/sinks/sql.ts'
import { startSqlSink } from '../processors/sinks/sql-sink.ts'
import { postgresServer, postgresUnavailable } from '../processors/sinks/testing/postgres-server.ts'
import { prediction as simple, topic } from '../processors/sinks/testing/predictions.ts'
import { Prediction } from '../schemas/index.ts'
import { type Log, memoryLog } from '../topology/index.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'
import { cpuOf } from './events.ts'

const PARTITIONS = 4
const PER_SEND = 500

export const sink = benchmark({
  name: 'sink',
  summary: 'predictions into PostgreSQL, exactly once, beside COPY of the same rows alone',
  sizes: {
    rows: { of: 500_000, what: 'predictions' },
    rounds: { of: 3, what: 'of each way' },
  },
  async run(size, signal): Promise<Figure[]> {
    const unavailable = postgresUnavailable()
    if (unavailable !== undefined) throw new Error(unavailable)
    const server = await postgresServer()
    const remove = (): void => void server.remove()
    signal.addEventListener('abort', remove)
    try {
      const sql = await openPostgres(server.url)
      const figures = await measured(sql, server.pid(), size('rows'), size('rounds'))
      await sql.close()
      return figures
    } finally {
      signal.removeEventListener('abort', remove)
      await server.remove()
    }
  },
})

async function measured(sql: Sql, pid: number, rows: number, rounds: number): Promise<Figure[]> {
  const log = await filled(rows)
  const perBatch = sql.dialect.batch.rows
  const batches = Array.from({ length: Math.ceil(rows / perBatch) }, (_, batch) =>
    csv(batch * perBatch, Math.min(rows, (batch + 1) * perBatch)),
  )
  await migrate(sql, sql.dialect.migrations, Date.now())
  let serverCpu = 0
  const figures = await contest({
    count: rows,
    of: 'rows',
    rounds,
    ways: {
      'COPY of lines made before, in as large transactions': async () => {
        await sql.query('truncate predictions')
        for (const each of batches) {
          await sql.transaction(session =>
            session.copy('predictions', predictionColumns, [{ name: 'bench', csv: each }]),
          )
        }
        await expectRows(sql, rows)
      },
      'the sink': async () => {
        await sql.query('truncate predictions, sink_offsets')
        const before = cpuOfServer(pid)
        await written(log, sql, rows)
        serverCpu = cpuOfServer(pid) - before
        await expectRows(sql, rows)
      },
    },
  })
  await log.close()
  return [...figures, { what: 'the server, with the sink', unit: 'CPU-s/M', value: (serverCpu * 1e6) / rows }]
}

/** As of a model with seven classes, whose probabilities have all their digits. */
function prediction(n: number): Prediction {
  const weights = Array.from({ length: 7 }, (_, label) => 1 + ((n * 7_919 + label * 104_729) % 9_973))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return { ...simple(n), probabilities: weights.map(weight => Math.fround(weight / total)) }
}

async function filled(rows: number): Promise<Log> {
  const log = memoryLog({ limits: { partitionBytes: Number.POSITIVE_INFINITY } })
  await log.admin.createTopics([{ topic, partitions: PARTITIONS }])
  const producer = await log.producer({ clientId: 'bench', transactionalId: 'bench' })
  await producer.init()
  for (let first = 0; first < rows; first += PER_SEND) {
    producer.begin()
    const numbers = Array.from({ length: Math.min(PER_SEND, rows - first) }, (_, i) => first + i)
    await producer.send(
      numbers.map(n => ({
        topic,
        partition: n % PARTITIONS,
        key: null,
        value: Prediction.encode(prediction(n)),
        timestamp: n,
      })),
    )
    await producer.commit()
  }
  await producer.close()
  return log
}

function csv(from: number, to: number): Buffer {
  const lines = Array.from({ length: to - from }, (_, i) =>
    predictionLine(prediction(from + i), { logId: 'bench', partition: 0, offset: from + i }, 0),
  )
  return Buffer.from(lines.join(''))
}

async function written(log: Log, sql: Sql, rows: number): Promise<void> {
  const running = startSqlSink({
    log,
    sql,
    topic,
    group: 'bench',
    clientId: 'sink',
    decode: Prediction.decode,
    onDeadLetter: ({ message }) => Promise.reject(new Error(message)),
    logger: { info: () => {}, warn: () => {} },
  })
  await running.drained()
  await running.close()
  expectEqual('rows written', running.status().rows, rows)
}

async function expectRows(sql: Sql, rows: number): Promise<void> {
  const { rows: found } = await sql.query('select count(*) as n from predictions')
  expectEqual('rows in the table', found[0]?.n, rows)
}

/** Seconds on processors of the server's processes that run now. */
function cpuOfServer(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return [pid, ...children.map(Number)].reduce((sum, each) => sum + cpuOf(each), 0)
}
