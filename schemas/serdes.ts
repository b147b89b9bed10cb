/** Keys and values on topics: Avro in Confluent's wire format, `magic 0 | schema id, 4 bytes big-endian | body`. */
import { decoder } from './avro/decoder.ts'
import type { AvroType, Decode } from './avro/type.ts'
import { SchemaError } from './errors.ts'
import { knownSchemas } from './known-schemas.ts'
import type { SchemaRegistry } from './registry.ts'

const HEADER = 5

/** How keys or values become bytes and back. */
export interface AvroSerde<T> {
  /** Changes when the bytes' meaning changes. */
  readonly name: string
  /** @throws SchemaError AVRO_VALUE; REGISTRY_FAILED before `register` */
  serialize(value: T): Buffer
  /**
   * What was written with any schema that the registry knows, by Avro's schema resolution. A schema seen for the
   * first time must be fetched: SchemaPending, with a promise `ready`, says so.
   * @throws SchemaPending, SchemaError WIRE_…, AVRO_…, SCHEMA_…
   */
  readonly deserialize: Deserialize<T>
}

export interface Deserialize<T> {
  (bytes: Buffer): T
  /** The same for bytes that lie among others, from `at` to before `end`. */
  readonly read: (bytes: Buffer, at: number, end: number) => T
}

/** The serdes of one application: they share a registry and what is known of it. */
export interface AvroSerdes {
  key<T extends object>(topic: string, type: AvroType<T>): AvroSerde<T>
  value<T extends object>(topic: string, type: AvroType<T>): AvroSerde<T>
  /**
   * For topics that are only read: values with these fields alone, which takes less time the fewer they are. The bytes
   * of the others are checked all the same.
   * @throws SchemaError AVRO_VALUE from `serialize`
   */
  projection<T extends object, F extends keyof T & string>(
    topic: string,
    type: AvroType<T>,
    fields: readonly F[],
  ): AvroSerde<Pick<T, F>>
  /** Registers the schema of every serde asked for so far, as `<topic>-key` or `<topic>-value`; needed to write. */
  register(): Promise<void>
}

/** `now` in milliseconds: for how long an id is taken to be unknown. */
export function avroSerdes(registry: SchemaRegistry, now: () => number = Date.now): AvroSerdes {
  const schemas = knownSchemas(registry, now)
  const subjects = new Map<
    string,
    { readonly name: string; readonly fingerprint: string; readonly schema: object; id?: number }
  >()

  function declare<T extends object>(subject: string, type: AvroType<T>): { id?: number } {
    const declared = subjects.get(subject) ?? {
      name: type.name,
      fingerprint: type.fingerprint,
      schema: type.schema,
    }
    if (declared.fingerprint !== type.fingerprint) {
      throw new SchemaError(
        'SCHEMA_INVALID',
        `${subject} holds ${declared.name} and cannot hold ${type.name} as well`,
      )
    }
    subjects.set(subject, declared)
    return declared
  }

  function serde<T extends object>(subject: string, type: AvroType<T>): AvroSerde<T> {
    const declared = declare(subject, type)
    return {
      name: nameOf(type),
      serialize(value) {
        if (declared.id === undefined)
          throw new SchemaError('REGISTRY_FAILED', `${subject} was not registered before its first use`)
        const bytes = type.encode(value, HEADER)
        bytes[0] = 0
        bytes.writeUInt32BE(declared.id, 1)
        return bytes
      },
      deserialize: reading(type, declared, writer =>
        writer === undefined ? type.decode : decoder(type, { writer }),
      ),
    }
  }

  /** Decodes by the id in front of the body; `make` is told the writer's schema, unless it is the type's own. */
  function reading<T extends object, R>(
    type: AvroType<T>,
    declared: { readonly id?: number },
    make: (writer: object | undefined) => Decode<R>,
  ): Deserialize<R> {
    const decoders = new Map<number, Decode<R>>()
    const decoderOf = (id: number): Decode<R> => {
      const known = decoders.get(id)
      if (known !== undefined) return known
      const writer = id === declared.id ? type.schema : schemas.get(id)
      const decode = lasting(() => make(writer === type.schema ? undefined : writer))
      decoders.set(id, decode)
      return decode
    }
    // A topic's values have nearly all been written with one schema.
    let last: { readonly id: number; readonly decode: Decode<R> } | undefined
    const read = (bytes: Buffer, at: number, end: number): R => {
      const id = schemaId(bytes, at, end)
      if (last?.id !== id) last = { id, decode: decoderOf(id) }
      return last.decode(bytes, at + HEADER, end)
    }
    return Object.assign((bytes: Buffer) => read(bytes, 0, bytes.length), { read })
  }

  return {
    key: (topic, type) => serde(`${topic}-key`, type),
    value: (topic, type) => serde(`${topic}-value`, type),
    projection(topic, type, fields) {
      const declared = declare(`${topic}-value`, type)
      return {
        name: nameOf(type),
        serialize() {
          throw new SchemaError(
            'AVRO_VALUE',
            `${type.name} is read here for some fields only, and not written`,
          )
        },
        deserialize: reading(type, declared, writer => decoder(type, { writer, fields })),
      }
    },
    async register() {
      for (const [subject, declared] of subjects)
        declared.id ??= await registry.register(subject, declared.schema)
    },
  }
}

/** A writer that cannot be read stays so: its error is kept in the place of a decoder. */
function lasting<R>(make: () => Decode<R>): Decode<R> {
  try {
    return make()
  } catch (error) {
    return () => {
      throw error
    }
  }
}

function nameOf<T>({ name, fingerprint }: AvroType<T>): string {
  return `avro ${name} ${fingerprint}`
}

function schemaId(bytes: Buffer, at: number, end: number): number {
  if (end - at < HEADER) throw new SchemaError('WIRE_SHORT', `${end - at} bytes are no Avro value`)
  if (bytes[at] !== 0) throw new SchemaError('WIRE_MAGIC', `the first byte is ${bytes[at]}, not 0`)
  return bytes.readUInt32BE(at + 1)
}
