/**
 * PGlite (PostgreSQL compiled to WebAssembly) as SQL port: the default, which needs no server. It runs in a worker
 * thread, since a statement would otherwise hold up the stream.
 */
import { Worker } from 'node:worker_threads'
import { postgresDialect } from './dialect.ts'
import {
  type CsvPart,
  type Sql,
  type SqlResult,
  type SqlTransaction,
  type SqlValue,
  sqlError,
} from './sql.ts'

interface PgliteRequest {
  readonly id: number
  readonly text: string
  readonly params: SqlValue[]
  /** What `/dev/blob` is in the statement. */
  readonly blob?: Buffer
}

type PgliteAnswer =
  | ({ readonly id: number } & SqlResult)
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string } }

/**
 * Booting takes some seconds: statements given meanwhile wait, so call it early and go on. One process at a time may
 * use a data directory.
 *
 * @param options.dataDir where the tables live; in memory without it
 */
export function openPglite(options: { readonly dataDir?: string } = {}): Sql {
  const description = options.dataDir === undefined ? 'PGlite in memory' : `PGlite in ${options.dataDir}`
  const worker = new Worker(new URL('./pglite-worker.mjs', import.meta.url), {
    workerData: { dataDir: options.dataDir },
  })
  const waiting = new Map<number, { resolve: (result: SqlResult) => void; reject: (error: Error) => void }>()
  let lastId = 0
  let ended: Error | undefined

  worker.on('message', (answer: PgliteAnswer) => {
    const caller = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('error' in answer)
      caller?.reject(sqlError(Object.assign(new Error(answer.error.message), answer.error), description))
    else caller?.resolve(answer)
  })
  worker.on('error', error => end(error))
  worker.on('exit', () => end(new Error('it is closed')))

  function end(cause: Error): void {
    ended ??= sqlError(cause, description)
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }

  const send = (text: string, params: readonly SqlValue[] = [], blob?: Buffer): Promise<SqlResult> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended)
      const id = ++lastId
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, text, params: [...params], ...(blob && { blob }) } satisfies PgliteRequest)
    })

  // There is one connection: a transaction keeps everyone else waiting.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work)
    turn = result.catch(() => {})
    return result
  }

  const copy = async (
    table: string,
    columns: readonly string[],
    parts: readonly CsvPart[],
  ): Promise<void> => {
    const rows = Buffer.concat(parts.map(({ csv }) => csv))
    await send(`copy ${table} (${columns.join(', ')}) from '/dev/blob' (format csv)`, [], rows)
  }

  const transaction = async <T>(work: (session: SqlTransaction) => Promise<T>): Promise<T> => {
    await send('begin')
    try {
      const result = await work({ query: (text, params) => send(text, params), copy })
      await send('commit')
      return result
    } catch (error) {
      await send('rollback').catch(() => {})
      throw error
    }
  }

  return {
    description,
    dialect: postgresDialect,
    query: (text, params) => inTurn(() => send(text, params)),
    transaction: work => inTurn(() => transaction(work)),
    close: () =>
      inTurn(async () => {
        if (ended !== undefined) return
        const exited = new Promise(resolve => worker.once('exit', resolve))
        worker.postMessage('close')
        await exited
      }),
  }
}
