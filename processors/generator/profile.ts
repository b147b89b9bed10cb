import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ApplicationError } from '../errors.ts'

/** What the synthesis makes, in this order: motion, then the direction of gravity, which stands for pitch and roll. */
export const channels = [
  'rotationRateX',
  'rotationRateY',
  'rotationRateZ',
  'userAccelerationX',
  'userAccelerationY',
  'userAccelerationZ',
  'gravityX',
  'gravityY',
  'gravityZ',
] as const

/** The channels of motion come first; an envelope that they share lifts and lowers them. */
export const motions = 6

/** One amplitude step of a template is 0.3 dB, its largest step is 255, a phase step 1/256 of a turn. */
const decibel = 0.3

const share = z.number().min(0).max(1)
const numbers = (length: number) => z.array(z.number()).length(length)
const bytes = z.base64().transform(text => Buffer.from(text, 'base64'))

const schema = z
  .object({
    name: z.string().regex(/^[\w-]{1,40}$/),
    lineage: z.record(z.string(), z.string()),
    rate: z.number().positive().max(1000),
    block: z.int().min(8).max(1024).multipleOf(2),
    channels: z.tuple(channels.map(channel => z.literal(channel)) as [z.ZodLiteral, ...z.ZodLiteral[]]),
    labels: z.array(z.string()).min(1).max(1000),
    missing: z.record(z.string(), share),
    texts: z.record(z.string(), z.record(z.string(), share)),
    dwell: z.record(z.string(), z.object({ mean: z.number().positive(), std: z.number().min(0) })),
    transitions: z.record(z.string(), z.record(z.string(), share)),
    people: z
      .array(
        z.object({
          id: z.string(),
          activities: z.record(
            z.string(),
            z.object({
              mean: numbers(channels.length),
              covariance: numbers((channels.length * (channels.length + 1)) / 2),
              templates: z
                .array(
                  z.object({
                    mean: numbers(channels.length),
                    peak: z.number().min(0),
                    amplitude: bytes,
                    phase: bytes,
                  }),
                )
                .min(1),
            }),
          ),
        }),
      )
      .min(1),
  })
  .superRefine((profile, context) => {
    const frequencies = profile.block / 2 - 1
    const wrong = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    for (const label of profile.labels) {
      if (profile.dwell[label] === undefined) wrong(['dwell', label], 'is missing')
      for (const after in profile.transitions[label] ?? {})
        if (!profile.labels.includes(after)) wrong(['transitions', label, after], 'is not among the labels')
      profile.people.forEach((person, index) => {
        const activity = person.activities[label]
        if (activity === undefined) wrong(['people', index, 'activities', label], 'is missing')
        for (const template of activity?.templates ?? [])
          if (
            template.amplitude.length !== (1 + channels.length) * frequencies ||
            template.phase.length !== channels.length * frequencies
          )
            wrong(
              ['people', index, 'activities', label],
              `has a template that is not of ${frequencies} frequencies`,
            )
      })
    }
  })

/**
 * What the generator keeps of recordings; spark-jobs/descriptive_statistics.py makes it and says what each part is.
 * Covariances are upper triangles, row by row, over `channels`.
 */
export type GeneratorProfile = z.infer<typeof schema>

/** What a stretch of `block` samples is made from. */
export interface Template {
  /** Of each channel. */
  readonly mean: readonly number[]
  /** Complex amplitudes [signal × frequency] at 1, 2 … cycles per block; the signals are the envelope (a logarithm) and the channels. */
  readonly real: Float64Array
  readonly imaginary: Float64Array
}

/** @throws ApplicationError PROFILE_INVALID */
export async function readProfile(path: string | URL): Promise<GeneratorProfile> {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new ApplicationError('PROFILE_INVALID', `${path} is not a generator profile: ${reason}`, { cause })
  }
  const text = await readFile(path, 'utf8').catch(error => refuse(error.message, error))
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    refuse('it is not JSON', error)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  return refuse(`${issue!.path.join('.')}: ${issue!.message}`)
}

/** The shipped profile of this name. @throws ApplicationError PROFILE_INVALID */
export function shippedProfile(name: string): Promise<GeneratorProfile> {
  return readProfile(new URL(`profiles/${name}.json`, import.meta.url))
}

type EncodedTemplate = GeneratorProfile['people'][number]['activities'][string]['templates'][number]

/** The numbers behind a template's bytes: amplitudes in steps below the peak, phases relative to the envelope's. */
export function decodeTemplate({ mean, peak, amplitude, phase }: EncodedTemplate): Template {
  const frequencies = amplitude.length / (1 + channels.length)
  const real = new Float64Array(amplitude.length)
  const imaginary = new Float64Array(amplitude.length)
  for (let i = 0; i < amplitude.length; i++) {
    if (amplitude[i] === 0) continue
    const size = peak * 10 ** (((amplitude[i]! - 255) * decibel) / 20)
    const angle = i < frequencies ? 0 : (phase[i - frequencies]! / 256) * 2 * Math.PI
    real[i] = size * Math.cos(angle)
    imaginary[i] = size * Math.sin(angle)
  }
  return { mean, real, imaginary }
}
