/** The feature schema: schemas/features.json, checked, hashed and laid out as a list of columns. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const parameters = z.record(z.string(), z.union([z.string(), z.number()]))
const definition = z.looseObject({ primitive: z.string() })
const channelNames = z.array(z.string()).min(1)

const document = z.object({
  version: z.int(),
  sampleRate: z.object({ hertz: z.number().positive() }),
  window: z.object({ seconds: z.number().positive(), advanceSeconds: z.number().positive() }),
  missing: z.object({ limit: z.number().positive() }),
  tolerance: z.object({ digits: z.int() }),
  grid: z.object({ transformLength: z.int() }),
  fields: channelNames,
  channels: z.record(z.string(), definition.extend({ inputs: channelNames })),
  statistics: z.record(z.string(), definition),
  features: z.array(
    z.union([
      z.object({ channels: channelNames, statistics: channelNames }),
      z.object({ pairs: z.array(z.tuple([z.string(), z.string()])), statistics: channelNames }),
    ]),
  ),
})

export type Parameters = Readonly<Record<string, string | number>>

/** A channel that is computed from fields and from channels before it. */
export interface Channel {
  readonly name: string
  readonly primitive: string
  readonly inputs: readonly string[]
  readonly parameters: Parameters
}

/** One column of the feature vector: a statistic of one channel, or of a pair of them. */
export interface Feature {
  readonly name: string
  readonly channels: readonly string[]
  readonly primitive: string
  readonly parameters: Parameters
}

export interface FeatureSchema {
  /** First 16 hexadecimal digits of the sha256 of the canonical form. */
  readonly hash: string
  readonly hertz: number
  readonly seconds: number
  readonly advanceSeconds: number
  readonly limit: number
  readonly tolerance: number
  readonly transformLength: number
  /** Of a reading, by their names in SensorReading.avsc. */
  readonly fields: readonly string[]
  readonly channels: readonly Channel[]
  readonly features: readonly Feature[]
}

/** Throws an Error where the document is malformed or names what it does not define. */
export function parseFeatureSchema(json: unknown): FeatureSchema {
  const content = document.parse(withoutDoc(json))
  const known = new Set(content.fields)
  const channels = Object.entries(content.channels).map(([name, { primitive, inputs, ...rest }]): Channel => {
    for (const input of inputs) {
      if (!known.has(input)) {
        throw new Error(`Channel ${name} reads ${input}, which is neither a field nor a channel before it.`)
      }
    }
    known.add(name)
    return { name, primitive, inputs, parameters: parameters.parse(rest) }
  })
  const features = content.features.flatMap(group =>
    ('pairs' in group ? group.pairs : group.channels.map(name => [name])).flatMap(pair =>
      group.statistics.map((statistic): Feature => {
        const stranger = pair.find(name => !known.has(name))
        if (stranger !== undefined) {
          throw new Error(`A feature reads ${stranger}, which is neither a field nor a channel.`)
        }
        const found = content.statistics[statistic]
        if (!found) throw new Error(`A feature names the statistic ${statistic}, which is not defined.`)
        const { primitive, ...rest } = found
        return {
          name: [...pair, statistic].join('.'),
          channels: pair,
          primitive,
          parameters: parameters.parse(rest),
        }
      }),
    ),
  )
  const names = features.map(feature => feature.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`Feature listed twice: ${twice}.`)
  return {
    hash: featureSchemaHash(json),
    hertz: content.sampleRate.hertz,
    seconds: content.window.seconds,
    advanceSeconds: content.window.advanceSeconds,
    limit: content.missing.limit,
    tolerance: 10 ** -content.tolerance.digits,
    transformLength: content.grid.transformLength,
    fields: content.fields,
    channels,
    features,
  }
}

export function featureSchemaHash(json: unknown): string {
  return createHash('sha256')
    .update(canonical(withoutDoc(json)))
    .digest('hex')
    .slice(0, 16)
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}

function withoutDoc(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDoc)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([key]) => key !== 'doc')
  return Object.fromEntries(members.map(([key, item]) => [key, withoutDoc(item)]))
}

/** The project's own: what the shipped models are trained on. */
export const featureSchema: FeatureSchema = parseFeatureSchema(
  JSON.parse(readFileSync(new URL('../../schemas/features.json', import.meta.url), 'utf8')),
)
