/**
 * A release file: what training writes and `models publish` reads, ModelRelease.avsc as JSON. The model is in it in base64
 * (`onnx`), or elsewhere (`location`: a path from the file on, or a URL).
 */
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError, messageOf } from '../errors.ts'

/** Bytes of a model that is published with its event: a batch of the topic holds 4 MiB. */
export const INLINE_LIMIT = 3 << 20
/** Bytes of JSON: the largest model that may be in it in base64, and room for the rest. */
export const FILE_LIMIT = 5 << 20

/** A release not yet published: everything but what publishing decides. */
export type UnpublishedRelease = Omit<ModelRelease, 'status' | 'publishedAt' | 'reason'>

const name = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, ".", "_" and "-" only')
const version = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'a semantic version, such as 1.2.0')
const share = z.number().min(0).max(1)
const base64 = z.base64().transform(text => Buffer.from(text, 'base64'))

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
    onnx: base64.optional(),
    location: z.string().min(1).max(2000).optional(),
    probeFeatures: z.array(z.number()),
    probeProbabilities: z.array(z.number()),
    signature: base64.optional(),
  })
  .refine(({ labels }) => new Set(labels).size === labels.length, {
    path: ['labels'],
    error: 'each label once',
  })
  .refine(({ onnx, location }) => (onnx === undefined) !== (location === undefined), {
    path: ['onnx'],
    error: 'the model itself, or else its location',
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
  const release = parseRelease(text, path)
  const { location } = release
  if (location === null || /^[a-z][a-z0-9+.-]*:/.test(location)) return release
  return { ...release, location: pathToFileURL(resolve(path, '..', location)).href }
}

/** The content of its file. */
export function releaseJson(release: UnpublishedRelease): Record<string, unknown> {
  const { onnx, location, signature, ...plain } = release
  return {
    ...plain,
    ...(onnx !== null && { onnx: onnx.toString('base64') }),
    ...(location !== null && { location }),
    ...(signature !== null && { signature: signature.toString('base64') }),
  }
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
  if (parsed.success) {
    const { onnx = null, location = null, signature = null, ...plain } = parsed.data
    return { ...plain, onnx, location, signature }
  }
  throw new ApplicationError(
    'MODEL_FILE_INVALID',
    `${origin} is no release file: ${firstFault(parsed.error)}`,
  )
}

function firstFault({ issues: [first] }: z.ZodError): string {
  return `${first?.path.length ? `${first.path.join('.')}: ` : ''}${first?.message}`
}

/** What is wrong with an event's own figures, or nothing: it may come from another program than ours. */
export function faultOfRelease(event: ModelRelease): string | undefined {
  const { status: _, publishedAt: __, reason: ___, signature: ____, onnx, location, ...plain } = event
  const parsed = releaseFile.safeParse({
    ...plain,
    location: location ?? (onnx === null ? undefined : 'here'),
  })
  return parsed.success ? undefined : firstFault(parsed.error)
}

/** The key of its events. */
export function releaseKey({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}@${version}`
}
