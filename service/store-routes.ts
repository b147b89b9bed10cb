/**
 * `/api/stores`: the state of all nodes, read by key, range of keys and time, whichever node is asked (Kafka Streams'
 * interactive queries). Answers say which task or standby they are from, and how new they are.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApplicationError, type ApplicationErrorCode } from '../processors/errors.ts'
import {
  type Answer,
  type ErrorCode,
  type KeyOwner,
  type NodeTasks,
  type RangeOptions,
  type StoreDescription,
  type StoreQueries,
  TickerError,
  type Timers,
} from '../topology/index.ts'
import { askOwners, FORWARDED, type TaskAnswer } from './store-owners.ts'
import { jsonOf, keyOf, rowOf } from './stored-values.ts'

/** Characters of a key in a path. */
export const LONGEST_KEY = 4096

export interface StoreRoutesOptions {
  readonly queries: StoreQueries
  readonly timers: Timers
}

const whole = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const text = { type: 'string', maxLength: LONGEST_KEY } as const
const standby = { type: 'boolean', default: false } as const
const limited = { standby, limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } } as const
const times = { from: { ...whole, default: 0 }, to: { ...whole, default: whole.maximum } } as const

const query = (properties: object) => ({ schema: { querystring: { type: 'object', properties } } })

interface OfStore {
  readonly store: string
}

interface OfKey extends OfStore {
  readonly key: string
}

interface Limited {
  readonly standby: boolean
  readonly limit: number
}

interface Times extends Limited {
  readonly from: number
  readonly to: number
}

/** What is asked of a store. */
interface Reading extends Limited {
  /** The tasks that are to answer. */
  readonly owners: readonly KeyOwner[]
  /** Those that are here. */
  read(options: RangeOptions): Promise<readonly Answer<readonly object[]>[]>
}

export function storeRoutes(server: FastifyInstance, { queries, timers }: StoreRoutesOptions): void {
  server.register(async routes => {
    routes.setErrorHandler<Error>((error, _request, reply) => refuse(error, reply))
    overview(routes, queries)
    byKey(routes, queries, timers)
    byTime(routes, queries, timers)
  })
}

function overview(routes: FastifyInstance, queries: StoreQueries): void {
  routes.get('/api/stores', async () => {
    const stores = await queries.stores()
    return { stores: await Promise.all(stores.map(store => shown(store, queries))) }
  })

  routes.get<{ Params: OfStore }>('/api/stores/:store', async ({ params: { store } }) =>
    shown(await described(store, queries), queries),
  )
}

function byKey(routes: FastifyInstance, queries: StoreQueries, timers: Timers): void {
  routes.get<{ Params: OfStore; Querystring: Limited & { from?: string; to?: string } }>(
    '/api/stores/:store/keys',
    query({ ...limited, from: text, to: text }),
    async request => {
      const { store } = request.params
      const { from, to, ...limits } = request.query
      const { keys } = await described(store, queries)
      const range = {
        ...(from === undefined ? {} : { from: keyOf(from, keys) }),
        ...(to === undefined ? {} : { to: keyOf(to, keys) }),
      }
      const reading: Reading = {
        ...limits,
        owners: await queries.owners(store),
        read: options => queries.range(store, range, options),
      }
      return await answer(request, reading, { queries, timers }, answers => ({ store, answers }))
    },
  )

  routes.get<{ Params: OfKey; Querystring: { standby: boolean; asOf?: number } }>(
    '/api/stores/:store/keys/:key',
    query({ standby, asOf: whole }),
    async request => {
      const { store } = request.params
      const { asOf, ...asked } = request.query
      const key = keyOf(request.params.key, (await described(store, queries)).keys)
      const time = asOf === undefined ? {} : { asOf }
      const reading: Reading = {
        ...asked,
        limit: 1,
        owners: [await queries.ownerOf(store, key)],
        read: async options => {
          const { value, ...rest } = await queries.get(store, key, { ...options, ...time })
          return [{ ...rest, value: value === undefined ? [] : [value] }]
        },
      }
      return await answer(request, reading, { queries, timers }, ([found]) => {
        const { entries, more: _, ...from } = found!
        if (entries[0] !== undefined) return { store, key: jsonOf(key), ...entries[0], ...from }
        const text = `${store} has no ${request.params.key} (${from.from} ${from.task}, lag ${from.lag})`
        throw new ApplicationError('STORE_KEY_UNKNOWN', text)
      })
    },
  )
}

function byTime(routes: FastifyInstance, queries: StoreQueries, timers: Timers): void {
  routes.get<{ Params: OfStore; Querystring: Times }>(
    '/api/stores/:store/windows',
    query({ ...limited, ...times }),
    async request => {
      const { store } = request.params
      const { from, to, ...limits } = request.query
      const reading: Reading = {
        ...limits,
        owners: await queries.owners(store),
        read: options => queries.allWindows(store, { from, to }, options),
      }
      return await answer(request, reading, { queries, timers }, answers => ({ store, answers }))
    },
  )

  routes.get<{ Params: OfKey; Querystring: Times }>(
    '/api/stores/:store/windows/:key',
    query({ ...limited, ...times }),
    async request => {
      const { store } = request.params
      const { from, to, ...limits } = request.query
      const key = keyOf(request.params.key, (await described(store, queries)).keys)
      const reading: Reading = {
        ...limits,
        owners: [await queries.ownerOf(store, key)],
        read: async options => [await queries.windows(store, key, { from, to }, options)],
      }
      return await answer(request, reading, { queries, timers }, ([found]) => {
        const { entries, ...rest } = found!
        return { store, key: jsonOf(key), windows: entries, ...rest }
      })
    },
  )
}

/** To a node that forwards the question, what is here; else what `shape` makes of each owner's answer. */
async function answer(
  { headers, url }: FastifyRequest,
  { owners, limit, standby, read }: Reading,
  { queries, timers }: { readonly queries: StoreQueries; readonly timers: Timers },
  shape: (answers: readonly TaskAnswer[]) => object,
): Promise<object> {
  const { node } = queries
  const here = async (): Promise<readonly TaskAnswer[]> => {
    // One more than wanted tells whether there are more.
    const found = await read({ standby, limit: limit + 1 }).catch(error => {
      if (error instanceof TickerError && error.code === 'QUERY_ELSEWHERE') return []
      throw error
    })
    return found.map(({ value, task, from, lag, positions }) => ({
      entries: value.slice(0, limit).map(rowOf),
      more: value.length > limit,
      ...{ task, node, from, lag, positions: [...positions] },
    }))
  }
  if (headers[FORWARDED] !== undefined) return { answers: await here() }
  return shape(await askOwners({ owners, node, standby, url, here }, timers))
}

/** @throws TickerError QUERY_STORE_UNKNOWN */
async function described(name: string, queries: StoreQueries): Promise<StoreDescription> {
  const found = (await queries.stores()).find(store => store.name === name)
  if (found === undefined) throw new TickerError('QUERY_STORE_UNKNOWN', `no task has a store ${name}`)
  return found
}

async function shown({ name, kind, keys }: StoreDescription, queries: StoreQueries): Promise<object> {
  const place = ({ node, endpoint }: NodeTasks): object => ({ node, endpoint })
  const tasks = (await queries.owners(name)).map(({ task, partition, active, standbys }) => ({
    ...{ task, partition, active: active && place(active), standbys: standbys.map(place) },
  }))
  return { name, kind, keys, tasks }
}

const statuses: Partial<Record<ErrorCode | ApplicationErrorCode, number>> = {
  QUERY_STORE_UNKNOWN: 404,
  QUERY_STORE_KIND: 400,
  QUERY_KEY_INVALID: 400,
  STORE_KEY_UNREADABLE: 400,
  STORE_KEY_UNKNOWN: 404,
  STORE_OWNER_UNKNOWN: 503,
  STORE_RESTORING: 503,
  STORE_OWNER_UNREACHABLE: 502,
}

/** @throws what is no answer to a question about a store */
function refuse(error: Error, reply: FastifyReply): FastifyReply {
  if (!(error instanceof TickerError || error instanceof ApplicationError)) throw error
  const { [error.code]: status } = statuses
  if (status === undefined) throw error
  if (status === 503) reply.header('retry-after', 1)
  return reply.code(status).send({ code: error.code, message: error.message, remedy: error.remedy })
}
