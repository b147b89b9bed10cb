/** Where schemas have their ids: in process, or in a registry with Confluent's API. */
import { createHash } from 'node:crypto'
import {
  COMPATIBILITY,
  SchemaRegistry as ConfluentClient,
  SchemaType,
} from '@kafkajs/confluent-schema-registry'
import { SchemaError } from './errors.ts'
import { registryAddress } from './registry-address.ts'
import { confluentSubjects, type Subjects } from './subjects.ts'

export interface SchemaRegistry {
  /**
   * The id of the schema under the subject, which is `<topic>-key` or `<topic>-value`; the same for the same schema.
   * @throws SchemaError REGISTRY_UNREACHABLE, REGISTRY_INCOMPATIBLE, REGISTRY_FAILED
   */
  register(subject: string, schema: object): Promise<number>
  /**
   * @throws SchemaError WIRE_SCHEMA_UNKNOWN; SCHEMA_INVALID when it is no Avro schema; REGISTRY_UNREACHABLE,
   * REGISTRY_FAILED when there is no answer
   */
  schemaById(id: number): Promise<object>
}

/**
 * A registry within the process. An id is made of the schema's text, so programs of one version agree on it without asking
 * each other; a schema of another version is unknown, so a log that outlives the program wants a registry that does too.
 */
export function localRegistry(): SchemaRegistry & Subjects {
  const schemas = new Map<number, object>()
  /** The ids registered under each, in order. */
  const registered = new Map<string, Set<number>>()
  return {
    async register(subject, schema) {
      const hash = createHash('sha256').update(JSON.stringify(schema)).digest()
      const id = hash.readUInt32BE() >>> 1
      schemas.set(id, schema)
      registered.set(subject, (registered.get(subject) ?? new Set()).add(id))
      return id
    },
    async schemaById(id) {
      const schema = schemas.get(id)
      if (schema === undefined) throw unknownSchema(id)
      return schema
    },
    async subjects() {
      return [...registered.keys()].sort()
    },
    async subject(subject) {
      const ids = registered.get(subject)
      if (ids === undefined) return undefined
      const versions = [...ids].map((id, index) => {
        return { version: index + 1, id, type: 'AVRO', text: JSON.stringify(schemas.get(id)) }
      })
      return { subject, compatibility: undefined, earlier: [], versions }
    },
  }
}

/** Milliseconds that one question may take, its retries included. */
const ANSWER_WITHIN = 10_000
/** Of nodes that start at the same time each may find two things changed since it looked. */
const ATTEMPTS = 3

/**
 * A registry with Confluent's API, such as `http://127.0.0.1:8081`; the address may hold a login. A subject's compatibility is set to
 * BACKWARD when it is first registered: what was written before stays readable. One that has another stays as it is.
 */
export function confluentRegistry(address: string): SchemaRegistry & Subjects {
  const { url, login } = registryAddress(address)
  const client = new ConfluentClient({
    host: url,
    clientId: 'tickerwatch',
    retry: { retries: 2 },
    ...(login !== undefined && { auth: login }),
  })

  async function ask<A>(what: string, question: Promise<A>): Promise<A> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_resolve, reject) => {
      const text = `${url} did not answer within ${ANSWER_WITHIN / 1000} s to ${what}`
      timer = setTimeout(() => reject(new SchemaError('REGISTRY_UNREACHABLE', text)), ANSWER_WITHIN)
    })
    try {
      return await Promise.race([question, silence])
    } catch (error) {
      throw error instanceof SchemaError ? error : failure(url, what, error)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    ...confluentSubjects(address),
    async register(subject, schema) {
      const document = { type: SchemaType.AVRO, schema: JSON.stringify(schema) } as const
      let compatibility = COMPATIBILITY.BACKWARD
      for (let attempt = 1; ; attempt++) {
        try {
          const registering = client.register(document, { subject, compatibility })
          return (await ask(`registering ${subject}`, registering)).id
        } catch (error) {
          if (attempt === ATTEMPTS || !(error instanceof SchemaError)) throw error
          // The client goes on only where the level is the one that it is given. Another one was chosen by somebody; or the
          // node that was first to register the subject has not come to setting it.
          const level = levelThere(error.cause)
          // Of nodes that register a subject at the same time, all but the first are told that it exists, with the
          // status of an incompatible schema; asked again, the registry finds the schema there.
          if (level === undefined && error.code !== 'REGISTRY_INCOMPATIBLE') throw error
          compatibility = level ?? compatibility
        }
      }
    },
    async schemaById(id) {
      try {
        // The client gives its parsed form, whose JSON is the schema.
        return JSON.parse(JSON.stringify(await ask(`schema ${id}`, client.getSchema(id))))
      } catch (error) {
        const cause = error instanceof SchemaError ? error.cause : error
        if (statusOf(cause) === 404) throw unknownSchema(id)
        throw error
      }
    },
  }
}

function failure(url: string, what: string, error: unknown): SchemaError {
  const text = error instanceof Error ? error.message.replace(/^.*? - /, '') : String(error)
  // The client reports a refused connection as status 400.
  if (/ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|socket hang up/.test(text)) {
    return new SchemaError('REGISTRY_UNREACHABLE', `${url} cannot be reached for ${what}: ${text}`, {
      cause: error,
    })
  }
  const status = statusOf(error)
  if (status === undefined)
    return new SchemaError('SCHEMA_INVALID', `${url}, ${what}: ${text}`, { cause: error })
  const code = status === 409 ? 'REGISTRY_INCOMPATIBLE' : 'REGISTRY_FAILED'
  return new SchemaError(code, `${url} refused ${what}: ${text}`, { cause: error })
}

/** What a subject is held to, where the client refused to go on since that is not what it was given. */
function levelThere(error: unknown): COMPATIBILITY | undefined {
  if (!(error instanceof Error) || error.name !== 'ConfluentSchemaRegistryCompatibilityError')
    return undefined
  const [, name] = / != (\w+)\)$/.exec(error.message) ?? []
  return Object.values(COMPATIBILITY).find(level => level === name)
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined
}

function unknownSchema(id: number): SchemaError {
  return new SchemaError('WIRE_SCHEMA_UNKNOWN', `there is no schema ${id}`)
}
