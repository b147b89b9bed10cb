/**
 * The documented API: each route has schemas beside it. Requests are checked by them, answers typed, and the document (OpenAPI 3.1)
 * and the page that shows it are made of them.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifySchema,
  FastifyTypeProvider,
  RawServerDefault,
} from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject, validatorCompiler } from 'fastify-type-provider-zod'
import { z } from 'zod'
import about from '../package.json' with { type: 'json' }
import type { Access } from './roles.ts'

/** Answers may be read-only, as data is in the rest of the program. */
type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T

interface SchemaTypes extends FastifyTypeProvider {
  readonly validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
  readonly serializer: this['schema'] extends z.ZodType ? Frozen<z.output<this['schema']>> : unknown
}

/** Where routes are added. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  SchemaTypes
>

/** How every refusal and failure is answered; each route has it. */
export const failure = z
  .object({
    code: z.string().describe('What is the matter, for programs.'),
    message: z.string().describe('What is the matter, for people.'),
    remedy: z.string().optional().describe('What to do about it.'),
  })
  .meta({ id: 'Failure', description: 'Why not.' })

/** A time, in answers. */
export const time = z.number().describe('Milliseconds since the epoch.')
/** A whole number in the query or the path, which are text. */
export const wholeText = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
/** A switch there. */
export const yesOrNo = z.enum(['true', 'false']).default('false')

const introduction = `What the console of a node knows, and what it can do. Each route says whom it is for: anybody, or who bears a token
(\`authorization: Bearer TOKEN\`) of a viewer, an annotator or an operator, each of which may what those before it may. A request that
changes something is \`application/json\`. Times are milliseconds since the epoch.`

const documentPath = '/api/openapi.json'

/** To be called before routes are added. */
export async function documented(server: FastifyInstance): Promise<void> {
  server.setValidatorCompiler(validatorCompiler)
  // Answers are held to their schemas by their types, and by a test; to walk over each here would only take time.
  server.setSerializerCompiler(() => JSON.stringify)
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Ticker Watch', version: about.version, description: introduction },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: document => {
      const { schema, route, url } = document
      // Pages and their files are no part of the API.
      if (schema?.summary === undefined) return { schema: { hide: true }, url }
      return jsonSchemaTransform({
        ...document,
        schema: { ...schema, ...common(url, schema, route.config?.access ?? 'operator') },
      })
    },
    transformObject: jsonSchemaTransformObject,
  })
  server.get(documentPath, { config: { access: 'public' } }, async () => server.swagger())

  await server.register(async pages => {
    pages.addHook('onRoute', route => {
      route.config = { ...route.config, access: 'public' }
    })
    // Its icons are in its style sheet.
    pages.addHook('onRequest', async (_request, reply) => {
      const policy = reply.getHeader('content-security-policy')
      reply.header(
        'content-security-policy',
        String(policy).replace("img-src 'self'", "img-src 'self' data:"),
      )
    })
    await pages.register(swaggerUi, {
      routePrefix: '/api/docs',
      // Nobody elsewhere is asked whether the document is valid.
      theme: { title: 'API – Ticker Watch' },
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, docExpansion: 'list', url: documentPath },
    })
  })
}

const whom = {
  public: 'For anybody.',
  open: 'For anybody; for viewers where the node has tokens for them.',
  viewer: 'For viewers.',
  annotator: 'For annotators.',
  operator: 'For operators.',
} as const satisfies Record<Access, string>

/** What all routes have: to what they belong, whom they are for, and how they fail. */
function common(
  url: string,
  { description, response }: { readonly description?: string; readonly response?: unknown },
  access: Access,
): FastifySchema {
  const [, first = '', second] = url.split('/')
  const bearer = { token: [] }
  return {
    tags: [first === 'api' && second !== undefined ? second : first],
    description: [description, whom[access]].filter(Boolean).join(' '),
    security: access === 'public' ? [] : access === 'open' ? [{}, bearer] : [bearer],
    response: Object.fromEntries(
      Object.entries({ ...Object(response), ...(access !== 'public' && { default: failure }) }).map(
        ([status, answer]) => [status, answer instanceof z.ZodType ? titled(status, answer) : answer],
      ),
    ),
  }
}

function titled(status: string, schema: z.ZodType): object {
  const description = STATUS_CODES[status] ?? 'Refused, or failed'
  return { description, content: { 'application/json': { schema } } }
}
