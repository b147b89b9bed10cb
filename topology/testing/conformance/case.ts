/** The language of the cases: what a case file holds. */
import { z } from 'zod'
import { CaseError } from './functions/named.ts'

const scalar = z.union([z.string(), z.number(), z.null()])
const key = z.union([scalar, z.tuple([scalar, z.number().int(), z.number().int()])])
const type = z.enum(['string', 'long', 'double'])
const headers = z.array(z.tuple([z.string(), z.string()]))
const index = z.number().int().nonnegative()

const named = { name: z.string().optional() }
const stored = { store: z.string().optional() }
const from = { from: z.string() }
const follows = { id: z.string(), ...from, ...named }
const fn = { fn: z.string() }

const window = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('tumbling'), sizeMs: z.number(), graceMs: z.number() }),
  z.strictObject({
    type: z.literal('hopping'),
    sizeMs: z.number(),
    advanceMs: z.number(),
    graceMs: z.number(),
  }),
  z.strictObject({ type: z.literal('sliding'), differenceMs: z.number(), graceMs: z.number() }),
  z.strictObject({ type: z.literal('session'), gapMs: z.number(), graceMs: z.number() }),
  // A window without end is never late, so its grace means nothing.
  z.strictObject({ type: z.literal('unlimited'), startMs: z.number(), graceMs: z.number().optional() }),
])

const joinWindow = z.strictObject({ beforeMs: z.number(), afterMs: z.number(), graceMs: z.number() })

const join = {
  ...follows,
  ...fn,
  ...stored,
  with: z.string(),
  window: joinWindow.optional(),
  graceMs: z.number().optional(),
  keyFn: z.string().optional(),
  foreignKey: z.string().optional(),
}

const aggregation = { ...follows, ...stored, retentionMs: z.number().optional() }

const node = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('stream'),
    id: z.string(),
    ...named,
    topic: z.string().optional(),
    topics: z.array(z.string()).optional(),
    key: type,
    value: type,
    timestampExtractor: z.enum(['record', 'value', 'partitionTime']).optional(),
  }),
  z.strictObject({
    op: z.literal('table'),
    id: z.string(),
    ...named,
    ...stored,
    topic: z.string(),
    key: type,
    value: type,
    historyRetentionMs: z.number().optional(),
  }),
  z.strictObject({
    op: z.literal('globalTable'),
    id: z.string(),
    ...named,
    ...stored,
    topic: z.string(),
    key: type,
    value: type,
  }),
  z.strictObject({ op: z.literal('filter'), ...follows, ...fn, ...stored }),
  z.strictObject({ op: z.literal('filterNot'), ...follows, ...fn, ...stored }),
  z.strictObject({ op: z.literal('mapValues'), ...follows, ...fn, ...stored }),
  z.strictObject({ op: z.literal('transformValues'), ...follows, ...fn, ...stored }),
  z.strictObject({ op: z.literal('map'), ...follows, keyFn: z.string(), valueFn: z.string() }),
  z.strictObject({ op: z.literal('selectKey'), ...follows, ...fn }),
  z.strictObject({ op: z.literal('flatMap'), ...follows, ...fn }),
  z.strictObject({ op: z.literal('flatMapValues'), ...follows, ...fn }),
  z.strictObject({ op: z.literal('peek'), ...follows, log: z.string() }),
  z.strictObject({ op: z.literal('foreach'), ...from, ...named, id: z.string().optional(), log: z.string() }),
  z.strictObject({
    op: z.literal('split'),
    ...from,
    ...named,
    id: z.string().optional(),
    branches: z.array(z.strictObject({ id: z.string(), ...fn })),
    default: z.string().optional(),
  }),
  z.strictObject({ op: z.literal('merge'), ...follows, with: z.string() }),
  z.strictObject({ op: z.literal('repartition'), ...follows, partitions: z.number().optional() }),
  z.strictObject({
    op: z.literal('toTable'),
    ...follows,
    ...stored,
    historyRetentionMs: z.number().optional(),
  }),
  z.strictObject({ op: z.literal('process'), ...follows, ...fn, ...stored }),
  z.strictObject({ op: z.literal('processValues'), ...follows, ...fn, ...stored }),
  z.strictObject({
    op: z.literal('to'),
    ...from,
    ...named,
    id: z.string().optional(),
    topic: z.string().optional(),
    topicFn: z.string().optional(),
    topics: z.array(z.string()).optional(),
  }),
  z.strictObject({ op: z.literal('groupByKey'), ...follows }),
  z.strictObject({
    op: z.literal('groupBy'),
    ...follows,
    fn: z.string().optional(),
    keyFn: z.string().optional(),
    valueFn: z.string().optional(),
  }),
  z.strictObject({ op: z.literal('count'), ...aggregation }),
  z.strictObject({ op: z.literal('reduce'), ...aggregation, ...fn, subtract: z.string().optional() }),
  z.strictObject({
    op: z.literal('aggregate'),
    ...aggregation,
    fn: z.string().optional(),
    agg: z.string().optional(),
  }),
  z.strictObject({
    op: z.literal('windowedBy'),
    ...follows,
    window,
    emit: z.enum(['onUpdate', 'onWindowClose']).optional(),
  }),
  z.strictObject({
    op: z.literal('cogroup'),
    ...follows,
    groups: z.array(z.strictObject({ ...from, ...fn })),
  }),
  z.strictObject({ op: z.literal('toStream'), ...follows, fn: z.string().optional() }),
  z.strictObject({
    op: z.literal('suppress'),
    ...follows,
    until: z.enum(['windowCloses', 'timeLimit']),
    ms: z.number().optional(),
    maxRecords: z.number().optional(),
    onFull: z.enum(['emitEarly', 'shutDown']).optional(),
  }),
  z.strictObject({ op: z.literal('join'), ...join }),
  z.strictObject({ op: z.literal('leftJoin'), ...join }),
  z.strictObject({ op: z.literal('outerJoin'), ...join }),
])

const step = z.union([
  z.tuple([z.string(), scalar, scalar, z.number().int()]),
  z.tuple([z.string(), scalar, scalar, z.number().int(), headers]),
  z.strictObject({ advanceWallClockMs: z.number().int().nonnegative() }),
])

const outputRecord = z.union([
  z.tuple([index, key, scalar, z.number().int()]),
  z.tuple([index, key, scalar, z.number().int(), headers]),
])

const outputs = z.record(z.string(), z.array(outputRecord))

const stores = z.record(
  z.string(),
  z.array(z.union([z.tuple([key, scalar]), z.tuple([key, scalar, z.number().int()])])),
)

const conformanceCase = z.strictObject({
  name: z.string(),
  about: z.string(),
  quirk: z.string().optional(),
  order: z.literal('perKey').optional(),
  config: z.strictObject({
    wallClockStartMs: z.number().int().optional(),
    optimize: z.literal('all').optional(),
  }),
  nodes: z.array(node),
  input: z.array(step),
  output: outputs.optional(),
  peeked: z.record(z.string(), z.array(z.tuple([index, key, scalar]))).optional(),
  stores: stores.optional(),
  fails: z
    .strictObject({
      phase: z.enum(['build', 'start', 'run']),
      at: index.optional(),
      javaException: z.string(),
      javaMessage: z.string(),
    })
    .optional(),
  topology: z
    .strictObject({
      subtopologies: z.number().int(),
      repartition: z.array(z.tuple([z.string(), z.number().int().nullable()])),
      changelog: z.array(z.tuple([z.string(), z.string()])),
    })
    .optional(),
})

/** What is expected of us in place of a case's own output, where that is an artefact of Kafka Streams. */
const quirk = z.strictObject({ name: z.string(), why: z.string(), output: outputs })

export type Case = z.infer<typeof conformanceCase>
export type CaseNode = z.infer<typeof node>
export type NodeOf<O extends CaseNode['op']> = Extract<CaseNode, { op: O }>
export type Quirk = z.infer<typeof quirk>
/** A key as a case writes it; a windowed one is [key, start, end]. */
export type CaseKey = z.infer<typeof key>
export type OutputRecord = z.infer<typeof outputRecord>
export type StoreEntry = z.infer<typeof stores>[string][number]

/** @param file for the message. @throws CaseError that names the file and all that is wrong with it */
export function parseCase(file: string, text: string): Case {
  return parse(conformanceCase, file, text)
}

/** @throws CaseError as `parseCase` */
export function parseQuirk(file: string, text: string): Quirk {
  return parse(quirk, file, text)
}

function parse<S extends z.ZodType>(schema: S, file: string, text: string): z.infer<S> {
  const result = schema.safeParse(json(file, text))
  if (!result.success) throw new CaseError(`${file}: ${z.prettifyError(result.error)}`)
  return result.data
}

function json(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CaseError(`${file} is no JSON`, { cause })
  }
}
