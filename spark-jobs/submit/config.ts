/** The configuration of clusters: a JSON file. All its mistakes are told at once. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { SubmitError } from './errors.ts'

const s3 = z.string().regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/\S*)?$/, 's3://bucket/prefix')
const instanceType = z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'an instance type, such as m6i.xlarge')
const group = z.strictObject({
  type: instanceType,
  count: z.int().min(1).max(500),
  /** Cheaper, and may be taken away at any time. */
  spot: z.boolean().default(false),
})

const configFile = z.strictObject({
  /** By this name, and a tag of it, a cluster is found again. */
  cluster: z.string().min(1).max(256).default('tickerwatch'),
  release: z
    .string()
    .regex(/^emr-\d+\.\d+\.\d+$/, 'a release, such as emr-7.13.0')
    .default('emr-7.13.0'),
  /** Jobs read from here and write here: staging/, processed/, features/, statistics/, releases/, reports/. */
  lake: s3.transform(url => url.replace(/\/+$/, '')),
  /** Jobs and what they import go here, by the hash of their contents. */
  code: s3,
  /** EMR writes its logs here. */
  logs: s3,
  /** An archive (tar.gz) of a Python environment with spark-jobs/requirements.txt; without it the cluster's own Python runs. */
  environment: s3.optional(),
  /** Of the Glue Data Catalog: what jobs write is registered there. */
  database: z
    .string()
    .regex(/^[a-z0-9_]{1,255}$/, 'lower case letters, digits and _')
    .default('tickerwatch'),
  instances: z
    .strictObject({
      primary: instanceType.default('m6i.xlarge'),
      core: group.default({ type: 'm6i.2xlarge', count: 2, spot: false }),
      task: group.optional(),
    })
    .prefault({}),
  subnet: z
    .string()
    .regex(/^subnet-[0-9a-f]+$/)
    .optional(),
  serviceRole: z.string().min(1).default('EMR_DefaultRole'),
  instanceProfile: z.string().min(1).default('EMR_EC2_DefaultRole'),
  /** Minutes without work after which the cluster ends by itself. */
  idleMinutes: z
    .int()
    .min(1)
    .max(7 * 24 * 60)
    .default(30),
  /** By which the console estimates what a cluster costs; list prices of us-east-1 without it (cluster-cost.ts). */
  prices: z
    .strictObject({
      currency: z.string().regex(/^[A-Z]{3}$/, 'three letters, such as USD'),
      region: z.string().min(1).max(50),
      asOf: z.iso.date(),
      perHour: z.record(
        instanceType,
        z.strictObject({ ec2: z.number().nonnegative(), emr: z.number().nonnegative() }),
      ),
    })
    .optional(),
  /** For the bill. */
  tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
})

export type EmrConfig = z.infer<typeof configFile>

/** @throws SubmitError EMR_CONFIG_UNREADABLE, EMR_CONFIG_INVALID */
export async function readConfig(path: string): Promise<EmrConfig> {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new SubmitError('EMR_CONFIG_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause })
  })
  return parseConfig(text, path)
}

/** @param origin names the text in errors. @throws SubmitError EMR_CONFIG_INVALID */
export function parseConfig(text: string, origin: string): EmrConfig {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SubmitError('EMR_CONFIG_INVALID', `${origin} is no JSON: ${reason}`, { cause })
  }
  const parsed = configFile.safeParse(json)
  if (parsed.success) return parsed.data
  const mistakes = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'the file'}: ${message}`,
  )
  throw new SubmitError('EMR_CONFIG_INVALID', `${origin}: ${mistakes.join('; ')}`)
}
