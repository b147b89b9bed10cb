/**
 * What every request passes before anything of it is read: is it meant for this host, does it come from a page of ours, is it one
 * too many, and may whoever sends it.
 *
 * Pages of others cannot act for their visitor: the token is in a header, which no browser adds by itself, as it does cookies. On
 * a node without tokens for viewers they could read, were it not for the checks of host (DNS rebinding) and of site.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { type Credential, callerOf, isAtLeast, type Role, roleFor } from './roles.ts'

const MINUTE = 60_000
/** Requests a minute of one address, and of these with a token that is nobody's. */
const REQUESTS = 3000
const WRONG_TOKENS = 10

export interface DoorOptions {
  readonly credentials: readonly Credential[]
  /** The names by which the service is reached; undefined for any. */
  readonly hosts: readonly string[] | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    /** All there are, as they were added. */
    readonly declaredRoutes: readonly RouteOptions[]
  }
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string | number>>
}

/** To be called before routes are added: one that does not say whom it is for keeps the server from starting. */
export async function guard(server: FastifyInstance, { credentials, hosts }: DoorOptions): Promise<void> {
  const routes: RouteOptions[] = []
  server.decorate('declaredRoutes', routes)
  server.addHook('onRoute', route => void routes.push(route))
  server.addHook('onReady', async () => {
    const [undeclared] = routes.filter(({ config }) => config?.access === undefined)
    if (undeclared !== undefined)
      throw new Error(`${undeclared.method} ${undeclared.url} does not declare config.access`)
  })

  await server.register(rateLimit, { global: false })
  const requests = server.createRateLimit({ max: REQUESTS, timeWindow: MINUTE })
  const wrongTokens = server.createRateLimit({ max: WRONG_TOKENS, timeWindow: MINUTE })
  server.decorateRequest('caller', null)

  const overLimit = async (request: FastifyRequest): Promise<Refusal | undefined> => {
    const used = await requests(request)
    if (used.isAllowed || !used.isExceeded) return undefined
    return tooMany('TOO_MANY_REQUESTS', `more than ${REQUESTS} requests a minute`, used.ttlInSeconds)
  }

  /** After too many wrong tokens none is looked at, or guessing could go on. */
  const unfit = async (request: FastifyRequest, least: Role): Promise<Refusal | undefined> => {
    const { authorization } = request.headers
    if (authorization === undefined) return unauthorized(`this needs the bearer token of a node’s ${least}`)
    const wrong = await wrongTokens(request, { increment: false })
    if (!wrong.isAllowed && wrong.remaining === 0)
      return tooMany('TOO_MANY_WRONG_TOKENS', 'too many wrong tokens from this address', wrong.ttlInSeconds)
    request.caller = callerOf(authorization, credentials) ?? null
    const { caller } = request
    if (caller === null) {
      await wrongTokens(request)
      return unauthorized('this token is not one of the node’s')
    }
    if (isAtLeast(caller.role, least)) return undefined
    const message = `this needs the role ${least}, and the token is of the role ${caller.role}`
    return { status: 403, code: 'FORBIDDEN', message }
  }

  server.addHook('onRequest', async (request, reply) => {
    // A path that leads nowhere needs no role, and counts all the same.
    const { access = 'open' } = request.routeOptions.config
    const least = request.is404 ? undefined : roleFor(access, credentials)
    const refusal =
      misdirected(request, hosts) ??
      foreign(request) ??
      (access === 'public' ? undefined : await overLimit(request)) ??
      (least === undefined ? undefined : await unfit(request, least)) ??
      (request.is404 ? undefined : unsendable(request))
    if (refusal === undefined) return undefined
    const { status, code, message, headers = {} } = refusal
    return reply.code(status).headers(headers).send({ code, message })
  })
  server.removeContentTypeParser('text/plain')
}

/** The names of a service that listens on the loopback interface; undefined if it listens elsewhere, where it has any. */
export function namesOf(host: string, ...others: readonly string[]): readonly string[] | undefined {
  return isLoopback(host) ? ['localhost', '127.0.0.1', '[::1]', host, ...others] : undefined
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** A name that somebody else makes point here (DNS rebinding) would make their page one of ours. */
function misdirected(
  { hostname }: FastifyRequest,
  hosts: readonly string[] | undefined,
): Refusal | undefined {
  if (hosts === undefined || hosts.includes(hostname)) return undefined
  const message = 'this host is not one of the node’s: it answers to localhost and 127.0.0.1'
  return { status: 421, code: 'MISDIRECTED', message }
}

/** Browsers say where a request comes from: by Sec-Fetch-Site where the address is trustworthy to them, else by Origin. */
function foreign(request: FastifyRequest): Refusal | undefined {
  const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, origin, host } = request.headers
  const isOurs =
    site === undefined
      ? origin === undefined || URL.parse(origin)?.host === host
      : site === 'same-origin' || site === 'none' || (isRead(request) && mode === 'navigate')
  if (isOurs) return undefined
  return { status: 403, code: 'FOREIGN_ORIGIN', message: 'pages of other sites may not ask this node' }
}

/** A form on a page elsewhere can send text and form data without asking, but not JSON. */
function unsendable(request: FastifyRequest): Refusal | undefined {
  if (isRead(request) || /^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    return undefined
  const message = `${request.method} takes application/json only`
  return { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message }
}

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function unauthorized(message: string): Refusal {
  return { status: 401, code: 'UNAUTHORIZED', message, headers: { 'www-authenticate': 'Bearer' } }
}

function tooMany(code: string, message: string, seconds: number): Refusal {
  return {
    status: 429,
    code,
    message: `${message}: ask again in ${seconds} s`,
    headers: { 'retry-after': seconds },
  }
}
