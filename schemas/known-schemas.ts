import type { SchemaErrorCode } from './errors.ts'
import { SchemaError } from './errors.ts'
import type { SchemaRegistry } from './registry.ts'

/**
 * How many ids are remembered as unknown, and for how many milliseconds: so a stream of bad ids asks the registry
 * once per id and minute, and a schema that is registered late is found.
 */
const UNKNOWN_IDS = 1000
const UNKNOWN_FOR = 60_000
/** Answers that tell something of the id; all other errors tell something of the registry. */
const NO_SCHEMA: readonly SchemaErrorCode[] = ['WIRE_SCHEMA_UNKNOWN', 'SCHEMA_INVALID']

/** A schema is missing, and on its way. */
export class SchemaPending extends SchemaError {
  /**
   * Resolves when the registry has answered, also when it has no such schema or none of Avro; then decode again. Rejects when it
   * cannot be asked (SchemaError REGISTRY_…): nothing is known of the record then, and it must not be given up.
   */
  readonly ready: Promise<void>
  constructor(id: number, ready: Promise<void>) {
    super('WIRE_SCHEMA_PENDING', `the schema ${id} is being fetched`)
    this.ready = ready
  }
}

/** The schemas of a registry, by id, to be asked synchronously. */
export interface KnownSchemas {
  /** @throws SchemaPending, SchemaError WIRE_SCHEMA_UNKNOWN, SCHEMA_INVALID */
  get(id: number): object
}

/** `now` in milliseconds. */
export function knownSchemas(registry: Pick<SchemaRegistry, 'schemaById'>, now: () => number): KnownSchemas {
  const schemas = new Map<number, object>()
  const fetching = new Map<number, Promise<void>>()
  const unknown = new Map<number, { readonly error: SchemaError; readonly until: number }>()

  async function fetch(id: number): Promise<void> {
    try {
      schemas.set(id, await registry.schemaById(id))
    } catch (error) {
      if (!(error instanceof SchemaError) || !NO_SCHEMA.includes(error.code)) throw error
      unknown.delete(id)
      unknown.set(id, { error, until: now() + UNKNOWN_FOR })
      const [oldest] = unknown.keys()
      if (unknown.size > UNKNOWN_IDS && oldest !== undefined) unknown.delete(oldest)
    } finally {
      fetching.delete(id)
    }
  }

  return {
    get(id) {
      const schema = schemas.get(id)
      if (schema !== undefined) return schema
      const remembered = unknown.get(id)
      if (remembered !== undefined && now() < remembered.until) throw remembered.error
      let ready = fetching.get(id)
      if (ready === undefined) {
        ready = fetch(id)
        fetching.set(id, ready)
        // Whoever waits sees the rejection; that nobody waits is no fault of the process.
        ready.catch(() => {})
      }
      throw new SchemaPending(id, ready)
    },
  }
}
