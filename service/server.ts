/** The console's server. It knows the node only through what is passed in. */

import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  type ZodFastifySchemaValidationError,
} from 'fastify-type-provider-zod'
import type { BaseLogger } from 'pino'
import type { AuditTrail } from '../processors/audit.ts'
import type { DeadLetterDesk } from '../processors/dead-letter-desk.ts'
import { ApplicationError } from '../processors/errors.ts'
import type { LogDesk } from '../processors/log-desk/log-desk.ts'
import type { ReleaseDesk } from '../processors/models/release-desk.ts'
import type { Subjects } from '../schemas/index.ts'
import type { Observer } from '../spark-jobs/submit/observer.ts'
import { type StoreQueries, systemTimers, TickerError, type Timers } from '../topology/index.ts'
import { accuracyRoutes } from './accuracy-routes.ts'
import { type Annotations, annotationRoutes } from './annotation-routes.ts'
import { type Api, documented } from './api.ts'
import { auditRoutes } from './audit-routes.ts'
import { deadLetterRoutes } from './dead-letter-routes.ts'
import { guard, namesOf } from './door.ts'
import { emrRoutes } from './emr-routes.ts'
import { eventStream } from './event-stream.ts'
import { logRoutes } from './log-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { releaseRoutes } from './release-routes.ts'
import { type Replay, replayRoutes } from './replay-routes.ts'
import type { Credential } from './roles.ts'
import { Sampler } from './sampler.ts'
import { sparkRoutes } from './spark-routes.ts'
import type { StatusSource } from './status.ts'
import { statusRoutes } from './status-routes.ts'
import { storeRoutes } from './store-routes.ts'
import { LONGEST_KEY } from './store-schema.ts'

export interface ServiceOptions {
  /** 0: any free one. */
  readonly port: number
  /** Default 127.0.0.1: nobody else's business, unless told. */
  readonly host?: string
  readonly source: StatusSource
  readonly releases: ReleaseDesk
  /** Without it there is no such route. */
  readonly replay?: Replay | undefined
  readonly deadLetters: DeadLetterDesk
  /** Without it nothing is recorded of what operators do. */
  readonly audit?: AuditTrail | undefined
  readonly annotations: Annotations
  /** Of clusters on EMR; undefined where none are configured. */
  readonly emr?: Observer | undefined
  /** Without them no topics, groups and schemas are shown. */
  readonly log?: LogDesk | undefined
  readonly subjects?: Subjects | undefined
  /** Of the node; without them no stores are shown. */
  readonly queries?: StoreQueries | undefined
  /** The node's own, of the role operator. */
  readonly token: string
  /** Further ones, of whatever role. */
  readonly credentials?: readonly Credential[]
  /** As what the node is reached besides its own host, without a port. */
  readonly names?: readonly string[]
  readonly logger: Pick<BaseLogger, 'error'>
  readonly timers?: Timers
}

export interface Service {
  /** Without a slash at its end. */
  readonly url: string
  close(): Promise<void>
}

/** @throws ApplicationError SERVICE_PORT_IN_USE, SERVICE_FAILED */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { port, host = '127.0.0.1' } = options
  const server = await buildService(options)
  try {
    await server.listen({ port, host })
  } catch (error) {
    await server.close()
    throw listenError(error, host, port)
  }
  const address = server.server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, close: () => server.close() }
}

/** The server without its socket. */
export async function buildService(options: Omit<ServiceOptions, 'port'>): Promise<Api> {
  const {
    host = '127.0.0.1',
    source,
    releases,
    replay,
    deadLetters,
    audit,
    annotations,
    emr,
    log,
    subjects,
    queries,
    token,
    credentials = [],
    names = [],
    logger,
    timers = systemTimers,
  } = options
  const sampler = new Sampler({
    source,
    timers,
    memoryBytes: () => process.memoryUsage.rss(),
    onError: error => logger.error(error, 'the state of the node cannot be read'),
  })
  const server: Api = Fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: LONGEST_KEY },
  })
  server.addHook('onClose', async () => sampler.close())
  server.addHook('onRequest', async ({ headers }, reply) => {
    reply.headers(securityHeaders)
    // Whoever ends TLS before us says so. Over plain HTTP browsers would not heed it.
    if (headers['x-forwarded-proto'] === 'https')
      reply.header('strict-transport-security', 'max-age=31536000')
  })
  server.setNotFoundHandler((request, reply) => {
    reply.code(404).send({ code: 'NOT_FOUND', message: `there is no ${request.method} ${request.url}` })
  })
  server.setErrorHandler<Error & { statusCode?: number; code?: string }>((error, _request, reply) => {
    if (hasZodFastifySchemaValidationErrors(error))
      return reply.code(400).send({ code: 'BAD_REQUEST', message: mistakeIn(error) })
    // The engine's errors say for themselves what is the matter: with the log, for the most part.
    const status = error instanceof TickerError ? 503 : (error.statusCode ?? 500)
    if (status >= 500) logger.error(error)
    const code = error.code ?? 'INTERNAL'
    return reply
      .code(status)
      .send({ code, message: status === 500 ? 'see the log of the node' : error.message })
  })
  const viewer = credentials.find(({ role }) => role === 'viewer')
  const own: Credential = { role: 'operator', name: 'node', token }
  await guard(server, { credentials: [own, ...credentials], hosts: namesOf(host, ...names) })
  await documented(server)

  if (audit !== undefined) auditRoutes(server, { trail: audit, logger })
  statusRoutes(server, { source, sampler })
  eventStream(server, sampler)
  if (replay !== undefined) replayRoutes(server, { replay })
  releaseRoutes(server, { source, desk: releases })
  deadLetterRoutes(server, { desk: deadLetters })
  annotationRoutes(server, { annotations })
  accuracyRoutes(server, { annotations })
  emrRoutes(server, { observer: emr })
  sparkRoutes(server, { observer: emr })
  if (log !== undefined && subjects !== undefined) logRoutes(server, { desk: log, subjects })
  nodeRoutes(server, { sampler, queries, timers, token: viewer?.token })
  if (queries !== undefined) storeRoutes(server, { queries, timers, token: viewer?.token })
  await server.register(files)
  return server
}

/** The pages. Their files are listed at the start: nothing but these is ever served. */
async function files(server: FastifyInstance): Promise<void> {
  server.addHook('onRoute', route => {
    route.config = { ...route.config, access: 'public' }
  })
  await server.register(fastifyStatic, {
    root: fileURLToPath(new URL('page', import.meta.url)),
    wildcard: false,
  })
  await server.register(fastifyStatic, {
    root: dirname(createRequire(import.meta.url).resolve('uplot')),
    prefix: '/uplot/',
    wildcard: false,
    decorateReply: false,
  })
}

/** Everything the page needs is its own: no inline script, nothing from elsewhere, in nobody's frame. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-cache',
} as const

/** The first of those that zod found: where, and what. */
function mistakeIn({
  validation: [first],
}: {
  readonly validation: readonly ZodFastifySchemaValidationError[]
}): string {
  return `${first?.instancePath.slice(1).replaceAll('/', '.') || 'the request'}: ${first?.message}`
}

function listenError(error: unknown, host: string, port: number): ApplicationError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return new ApplicationError('SERVICE_PORT_IN_USE', `port ${port} on ${host} is in use`, { cause: error })
  const text = error instanceof Error ? error.message : String(error)
  return new ApplicationError('SERVICE_FAILED', `cannot listen on ${host} port ${port}: ${text}`, {
    cause: error,
  })
}
