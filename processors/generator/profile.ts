import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
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

/** Amplitudes are steps of 1 dB below the greatest, which is 63, and 0 is nothing; phases are 64ths of a turn. */
const STEPS = 64
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

const share = z.number().min(0).max(1)
const numbers = (length: number) => z.array(z.number()).length(length)
const ascending = z.array(share).min(2).max(100)
const seconds = z.array(z.number().min(0))
const counts = z.record(z.string(), z.int().min(0))
const steps = z
  .string()
  .regex(/^[A-Za-z0-9+/]*$/)
  .transform(text => Uint8Array.from(text, digit => digits.indexOf(digit)))
const perChannel = channels.length
const pairs = (perChannel * (perChannel + 1)) / 2

const activity = z.object({
  seconds: z.number().positive(),
  mean: numbers(perChannel),
  covariance: numbers(pairs),
  quantiles: z.array(z.array(z.number())).length(perChannel),
  spectrum: z.object({ peak: z.number().min(0), amplitude: steps }),
  templates: z
    .array(
      z.object({
        weight: z.number().positive(),
        mean: numbers(perChannel),
        peak: z.number().min(0),
        amplitude: steps,
        phase: steps,
      }),
    )
    .min(1),
  dwell: seconds,
  next: counts,
  gap: seconds,
  nextAfterGap: counts,
})

const schema = z
  .object({
    name: z.string().regex(/^[\w-]{1,40}$/),
    lineage: z.record(z.string(), z.string()),
    rate: z.number().positive().max(1000),
    block: z
      .int()
      .min(8)
      .max(1024)
      .refine(block => Number.isInteger(Math.log2(block)), 'must be a power of two'),
    channels: z.tuple(channels.map(channel => z.literal(channel)) as [z.ZodLiteral, ...z.ZodLiteral[]]),
    levels: ascending,
    timeLevels: ascending,
    texts: z.record(z.string(), z.record(z.string(), share)),
    people: z
      .array(
        z.object({
          id: z.string(),
          missing: z.record(z.string(), z.object({ share, run: z.number().min(1) })),
          activities: z.record(z.string(), activity),
        }),
      )
      .min(1),
  })
  .superRefine((profile, context) => {
    const frequencies = profile.block / 2 - 1
    profile.people.forEach(({ activities }, index) => {
      const path = ['people', index, 'activities']
      const wrong = (label: string, message: string) =>
        context.addIssue({ code: 'custom', path: [...path, label], message })
      if (Object.keys(activities).length === 0) wrong('', 'there is none')
      for (const [label, { quantiles, spectrum, templates, ...times }] of Object.entries(activities)) {
        if (quantiles.some(channel => channel.length !== profile.levels.length))
          wrong(label, `has not ${profile.levels.length} quantiles of each channel`)
        if (times.dwell.length !== profile.timeLevels.length || !(times.dwell.at(-1)! > 0))
          wrong(label, 'has no dwell times')
        if (times.gap.length !== 0 && times.gap.length !== profile.timeLevels.length)
          wrong(label, `has not ${profile.timeLevels.length} quantiles of gaps, and not none`)
        for (const after of [...Object.keys(times.next), ...Object.keys(times.nextAfterGap)])
          if (!Object.hasOwn(activities, after)) wrong(label, `goes on in ${after}, which is missing`)
        if (spectrum.amplitude.length !== channels.length * frequencies)
          wrong(label, `has a spectrum that is not of ${frequencies} frequencies`)
        for (const { amplitude, phase } of templates)
          if (
            amplitude.length !== (1 + channels.length) * frequencies ||
            phase.length !== channels.length * frequencies
          )
            wrong(label, `has a template that is not of ${frequencies} frequencies`)
      }
    })
  })

/**
 * What the generator keeps of recordings; spark-jobs/descriptive_statistics.py makes it and says what each part is.
 *
 * Of an activity: `covariance` is an upper triangle, row by row, over `channels`; `quantiles` are at `levels`; `dwell`
 * and `gap` are quantiles in seconds, at `timeLevels`; `next` and `nextAfterGap` count which activity followed, at
 * once or after a gap (of `gap` seconds) without readings; the spectrum is written as amplitudes of cosines.
 */
export type GeneratorProfile = z.infer<typeof schema>
export type GeneratorPerson = GeneratorProfile['people'][number]
export type GeneratorActivity = GeneratorPerson['activities'][string]

/** What a stretch of `block` samples is made from. */
export interface Template {
  /** The share of the activity that it stands for, relative to the other templates. */
  readonly weight: number
  /** Of each channel. */
  readonly mean: readonly number[]
  /** Complex amplitudes [signal × frequency] at 1, 2 … cycles per block; the signals are the envelope (a logarithm) and the channels. */
  readonly real: Float64Array
  readonly imaginary: Float64Array
}

/** The file holds JSON, plain or compressed with gzip. @throws ApplicationError PROFILE_INVALID */
export async function readProfile(path: string | URL): Promise<GeneratorProfile> {
  const place = String(path)
  const bytes = await readFile(path).catch(error => refuse(place, error.message, error))
  try {
    const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b
    const text = compressed ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes
    return parseProfile(JSON.parse(text.toString()), place)
  } catch (error) {
    if (error instanceof ApplicationError) throw error
    return refuse(place, 'it is not JSON', error)
  }
}

/** @param place names it in errors. @throws ApplicationError PROFILE_INVALID */
export function parseProfile(json: unknown, place: string): GeneratorProfile {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  return refuse(place, `${issue!.path.join('.')}: ${issue!.message}`)
}

function refuse(place: string, reason: string, cause?: unknown): never {
  throw new ApplicationError('PROFILE_INVALID', `${place} is not a generator profile: ${reason}`, { cause })
}

/** A profile larger than this is none of ours. */
const MAX_BYTES = 256 * 1024 * 1024

/** The shipped profile of this name. @throws ApplicationError PROFILE_INVALID */
export function shippedProfile(name: string): Promise<GeneratorProfile> {
  return readProfile(new URL(`profiles/${name}.json.gz`, import.meta.url))
}

/** Amplitudes of steps. */
export function decodeSizes({ peak, amplitude }: { peak: number; amplitude: Uint8Array }): Float64Array {
  return Float64Array.from(amplitude, step => (step === 0 ? 0 : peak * 10 ** ((step - (STEPS - 1)) / 20)))
}

/** The numbers behind a template's digits. */
export function decodeTemplate(encoded: GeneratorActivity['templates'][number]): Template {
  const { weight, mean, phase } = encoded
  const sizes = decodeSizes(encoded)
  const frequencies = sizes.length - phase.length
  const angle = (i: number) => (i < frequencies ? 0 : (phase[i - frequencies]! / STEPS) * 2 * Math.PI)
  return {
    weight,
    mean,
    real: sizes.map((size, i) => size * Math.cos(angle(i))),
    imaginary: sizes.map((size, i) => size * Math.sin(angle(i))),
  }
}
