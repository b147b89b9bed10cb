/** What a registry knows, for looking at: subjects, their versions, and what a new one must be compatible with. */
import { z } from 'zod'
import { SchemaError } from './errors.ts'
import { registryAddress } from './registry-address.ts'

/** Versions of a subject whose text is fetched, the newest. */
const FETCHED = 20
/** Milliseconds that one question may take. */
const ANSWER_WITHIN = 10_000

export interface Subjects {
  /**
   * In order of their names.
   * @throws SchemaError REGISTRY_UNREACHABLE, REGISTRY_FAILED
   */
  subjects(): Promise<readonly string[]>
  /**
   * Undefined for one that there is not.
   * @throws SchemaError REGISTRY_UNREACHABLE, REGISTRY_FAILED
   */
  subject(name: string): Promise<Subject | undefined>
}

export interface Subject {
  readonly subject: string
  /** As the registry calls it, such as BACKWARD; undefined where nothing is checked. */
  readonly compatibility: string | undefined
  /** The newest, in order. */
  readonly versions: readonly SchemaVersion[]
  /** The numbers of those before them. */
  readonly earlier: readonly number[]
}

export interface SchemaVersion {
  readonly version: number
  readonly id: number
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string
  readonly text: string
}

const names = z.array(z.string())
const numbers = z.array(z.number())
const version = z.object({
  version: z.number(),
  id: z.number(),
  schemaType: z.string().default('AVRO'),
  schema: z.string(),
})
const config = z.object({ compatibilityLevel: z.string() })

/** Of a registry with Confluent's API, which its client has no calls for. */
export function confluentSubjects(url: string): Subjects {
  const { url: base, headers: login } = registryAddress(url)
  const headers = { accept: 'application/vnd.schemaregistry.v1+json, application/json', ...login }

  /** Undefined for what there is not. */
  async function ask<T>(path: string, answer: z.ZodType<T>): Promise<T | undefined> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN)
    const response = await fetch(`${base}${path}`, { headers, signal, redirect: 'error' }).catch(cause => {
      const reason =
        cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
      throw new SchemaError('REGISTRY_UNREACHABLE', `${base} cannot be reached: ${reason}`, { cause })
    })
    if (response.status === 404) return undefined
    if (!response.ok) throw new SchemaError('REGISTRY_FAILED', `${base}${path} answered ${response.status}`)
    const parsed = answer.safeParse(await response.json().catch(() => undefined))
    if (!parsed.success)
      throw new SchemaError('REGISTRY_FAILED', `${base}${path} gave no answer of a registry`)
    return parsed.data
  }

  return {
    async subjects() {
      return ((await ask('/subjects', names)) ?? []).toSorted()
    },
    async subject(subject) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions`
      const all = (await ask(path, numbers))?.toSorted((a, b) => a - b)
      if (all === undefined || all.length === 0) return undefined
      const fetched = await Promise.all(all.slice(-FETCHED).map(number => ask(`${path}/${number}`, version)))
      const own = `/config/${encodeURIComponent(subject)}`
      const level = (await ask(own, config)) ?? (await ask('/config', config))
      return {
        subject,
        compatibility: level?.compatibilityLevel,
        earlier: all.slice(0, -FETCHED),
        versions: fetched
          .filter(each => each !== undefined)
          .map(({ version, id, schemaType, schema }) => ({ version, id, type: schemaType, text: schema })),
      }
    },
  }
}
