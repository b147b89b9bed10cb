/** A release file: what training writes and `models publish` reads, ModelRelease.avsc as JSON with the bytes in base64. */
import { readFile, stat } from 'node:fs/promises'
import { z } from 'zod'
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'

/** Bytes of JSON: a model of 1 MB in base64, and room for the rest. */
const FILE_LIMIT = 4 << 20

/** A release not yet published: everything but what publishing decides. */
export type UnpublishedRelease = Omit<ModelRelease, 'status' | 'publishedAt' | 'location' | 'signature'> & {
  readonly onnx: Buffer
}

const name = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, ".", "_" and "-" only')
const version = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'a semantic version, such as 1.2.0')
const share = z.number().min(0).max(1)

const releaseFile = z
  .strictObject({
    name,
    version,
    featureSchemaHash: z.string().regex(/^[0-9a-f]{16}$/, '16 hexadecimal digits'),
    labels: z.array(z.string().min(1)).min(2).max(1000),
    temperature: z.number().positive(),
    minimumConfidence: share,
    minimumMargin: share,
    metrics: z.record(z.string(), z.number()),
    lineage: z.record(z.string(), z.string()),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
    size: z.int().positive(),
    onnx: z.base64().transform(text => Buffer.from(text, 'base64')),
    probeFeatures: z.array(z.number()),
    probeProbabilities: z.array(z.number()),
  })
  .refine(({ labels }) => new Set(labels).size === labels.length, {
    path: ['labels'],
    error: 'each label once',
  })

/** @throws ApplicationError MODEL_FILE_UNREADABLE, MODEL_FILE_INVALID */
export async function readRelease(path: string): Promise<UnpublishedRelease> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > FILE_LIMIT) throw new Error(`it has ${size} bytes, and a release file at most ${FILE_LIMIT}`)
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new ApplicationError('MODEL_FILE_UNREADABLE', `${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    })
  }
  return parseRelease(text, path)
}

/** `origin` names the text in errors. @throws ApplicationError MODEL_FILE_INVALID */
export function parseRelease(text: string, origin: string): UnpublishedRelease {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ApplicationError('MODEL_FILE_INVALID', `${origin} is no release file: ${messageOf(cause)}`, {
      cause,
    })
  }
  const parsed = releaseFile.safeParse(json)
  if (parsed.success) return parsed.data
  const [first] = parsed.error.issues
  const where = first?.path.length ? ` ${first.path.join('.')}:` : ''
  throw new ApplicationError('MODEL_FILE_INVALID', `${origin} is no release file:${where} ${first?.message}`)
}

/** The key of its events. */
export function releaseKey({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}@${version}`
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
