/**
 * `/api/stores`: the state of all nodes, read by key, range of keys and time, whichever node is asked (Kafka Streams'
 * interactive queries). Answers say which task or standby they are from, and how new they are.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
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
import { type Api, failure, wholeText } from './api.ts'
import { FORWARDED } from './other-node.ts'
import { askOwners, type TaskAnswer } from './store-owners.ts'
import * as schemas from './store-schema.ts'
import { jsonOf, keyOf, rowOf } from './stored-values.ts'

export interface StoreRoutesOptions {
  readonly queries: StoreQueries
  readonly timers: Timers
  /** For other nodes, where reading needs one. */
  readonly token?: string | undefined
}

/** What a store holds may be what was measured; which are so, nobody knows but their topology. */
const config = { access: 'open' } as const

interface Limited {
  readonly standby: boolean
  readonly limit: number
}

/** What is asked of a store. */
interface Reading extends Limited {
  /** The tasks that are to answer. */
  readonly owners: readonly KeyOwner[]
  /** Those that are here. */
  read(options: RangeOptions): Promise<readonly Answer<readonly object[]>[]>
}

export function storeRoutes(server: Api, options: StoreRoutesOptions): void {
  server.register(async (routes: Api) => {
    routes.setErrorHandler<Error>((error, _request, reply) => refuse(error, reply))
    overview(routes, options.queries)
    byKey(routes, options)
    byTime(routes, options)
  })
}

function overview(routes: Api, queries: StoreQueries): void {
  routes.get(
    '/api/stores',
    {
      config,
      schema: {
        summary: 'The stores of the topology: kind, serde of the keys, which node has which task',
        response: { 200: z.object({ stores: z.array(schemas.storeShown) }) },
      },
    },
    async () => {
      const stores = await queries.stores()
      return { stores: await Promise.all(stores.map(store => shown(store, queries))) }
    },
  )

  routes.get(
    '/api/stores/:store',
    {
      config,
      schema: {
        summary: 'A store: kind, serde of the keys, which node has which task',
        params: schemas.ofStore,
        response: { 200: schemas.storeShown, 404: failure },
      },
    },
    async ({ params: { store } }) => shown(await descriptionOf(store, queries), queries),
  )
}

function byKey(routes: Api, options: StoreRoutesOptions): void {
  const { queries } = options
  routes.get(
    '/api/stores/:store/keys',
    {
      config,
      schema: {
        summary: 'A range of keys',
        params: schemas.ofStore,
        querystring: z.object({
          ...schemas.limited,
          from: schemas.key.optional().describe('The first key.'),
          to: schemas.key.optional().describe('The last key.'),
        }),
        response: schemas.responses(schemas.range),
      },
    },
    async request => {
      const { store } = request.params
      const { from, to, ...limits } = request.query
      const { keys } = await descriptionOf(store, queries)
      const range = {
        ...(from === undefined ? {} : { from: keyOf(from, keys) }),
        ...(to === undefined ? {} : { to: keyOf(to, keys) }),
      }
      const reading: Reading = {
        ...limits,
        owners: await queries.owners(store),
        read: options => queries.range(store, range, options),
      }
      return await answer(request, reading, options, answers => ({ store, answers }))
    },
  )

  routes.get(
    '/api/stores/:store/keys/:key',
    {
      config,
      schema: {
        summary: 'The value of a key',
        params: schemas.ofKey,
        querystring: z.object({
          standby: schemas.standby,
          asOf: wholeText.optional().describe('Of a versioned store: at this time.'),
        }),
        response: schemas.responses(schemas.found),
      },
    },
    async request => {
      const { store } = request.params
      const { asOf, ...asked } = request.query
      const key = keyOf(request.params.key, (await descriptionOf(store, queries)).keys)
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
      return await answer(request, reading, options, ([found]) => {
        const { entries, more: _, ...from } = found!
        if (entries[0] !== undefined) return { store, key: jsonOf(key), ...entries[0], ...from }
        const text = `${store} has no ${request.params.key} (${from.from} ${from.task}, lag ${from.lag})`
        throw new ApplicationError('STORE_KEY_UNKNOWN', text)
      })
    },
  )
}

function byTime(routes: Api, options: StoreRoutesOptions): void {
  const { queries } = options
  routes.get(
    '/api/stores/:store/windows',
    {
      config,
      schema: {
        summary: 'All keys’ windows that start in a time, or sessions that end in it',
        params: schemas.ofStore,
        querystring: z.object({ ...schemas.limited, ...schemas.times }),
        response: schemas.responses(schemas.range),
      },
    },
    async request => {
      const { store } = request.params
      const { from, to, ...limits } = request.query
      const reading: Reading = {
        ...limits,
        owners: await queries.owners(store),
        read: options => queries.allWindows(store, { from, to }, options),
      }
      return await answer(request, reading, options, answers => ({ store, answers }))
    },
  )

  routes.get(
    '/api/stores/:store/windows/:key',
    {
      config,
      schema: {
        summary: 'A key’s windows that start in a time, or sessions that touch it',
        params: schemas.ofKey,
        querystring: z.object({ ...schemas.limited, ...schemas.times }),
        response: schemas.responses(schemas.windows),
      },
    },
    async request => {
      const { store } = request.params
      const { from, to, ...limits } = request.query
      const key = keyOf(request.params.key, (await descriptionOf(store, queries)).keys)
      const reading: Reading = {
        ...limits,
        owners: [await queries.ownerOf(store, key)],
        read: async options => [await queries.windows(store, key, { from, to }, options)],
      }
      return await answer(request, reading, options, ([found]) => {
        const { entries, ...rest } = found!
        return { store, key: jsonOf(key), windows: entries, ...rest }
      })
    },
  )
}

/** To a node that forwards the question, what is here; else what `shape` makes of each owner's answer. */
async function answer<Shape>(
  { headers, url }: FastifyRequest,
  { owners, limit, standby, read }: Reading,
  { queries, timers, token }: StoreRoutesOptions,
  shape: (answers: readonly TaskAnswer[]) => Shape,
): Promise<Shape | { readonly answers: readonly TaskAnswer[] }> {
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
  return shape(await askOwners({ owners, node, standby, url, token, here }, timers))
}

/** @throws TickerError QUERY_STORE_UNKNOWN */
async function descriptionOf(name: string, queries: StoreQueries): Promise<StoreDescription> {
  const found = (await queries.stores()).find(store => store.name === name)
  if (found === undefined) throw new TickerError('QUERY_STORE_UNKNOWN', `no task has a store ${name}`)
  return found
}

async function shown({ name, kind, keys }: StoreDescription, queries: StoreQueries) {
  const place = ({ node, endpoint }: NodeTasks) => ({ node, endpoint })
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
