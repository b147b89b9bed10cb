/** The bytes of a model: those of its event, or of the place that the event names. Checked while they are read. */
import { createHash } from 'node:crypto'
import { constants, open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { LakeError } from '../../lake/errors.ts'
import { openStore } from '../../lake/open-store.ts'
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'
import { releaseKey } from './release.ts'

/** Bytes of a model, wherever it lies. */
export const MODEL_LIMIT = 256 << 20

/** Where a model is, and what it must be. Plain data: it is handed to other threads and processes. */
export type ModelSource = Pick<ModelRelease, 'name' | 'version' | 'onnx' | 'location' | 'size' | 'sha256'>

/**
 * Opens what lies at a location, to be read once. @throws ApplicationError MODEL_LOCATION_EMPTY where there is nothing; any
 * other error means that it cannot be told now, and is tried again
 */
export type OpenLocation = (location: URL) => Promise<AsyncIterable<Uint8Array>>

/** By the protocol of the URL. */
const openers: Readonly<Record<string, OpenLocation>> = { 'file:': openFile, 's3:': openObject }

/**
 * @throws ApplicationError MODEL_BYTES_MISSING, MODEL_TOO_LARGE, MODEL_DAMAGED, MODEL_LOCATION_UNSUPPORTED, MODEL_LOCATION_EMPTY
 */
export async function readModel(source: ModelSource): Promise<Buffer> {
  const { onnx, location, size, sha256 } = source
  const refuse = refusalOf(source)
  if (size > MODEL_LIMIT)
    throw refuse('MODEL_TOO_LARGE', `the model has ${size} bytes, at most ${MODEL_LIMIT} are read`)
  if (onnx === null && location === null) throw refuse('MODEL_BYTES_MISSING', 'it holds no model')
  const hash = createHash('sha256')
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of onnx === null ? await openLocation(location ?? '') : [onnx]) {
    length += chunk.length
    // What goes on for ever is not read for ever.
    if (length > size) throw refuse('MODEL_DAMAGED', `the model has more than ${size} bytes`)
    hash.update(chunk)
    chunks.push(chunk)
  }
  if (length !== size) throw refuse('MODEL_DAMAGED', `the model has ${length} bytes, not ${size}`)
  const found = hash.digest('hex')
  if (found !== sha256) throw refuse('MODEL_DAMAGED', `the sha256 of the model is ${found}, not ${sha256}`)
  return onnx ?? Buffer.concat(chunks)
}

/** How a release is refused: with its name and the reason. */
export function refusalOf(release: Pick<ModelRelease, 'name' | 'version'>) {
  return (code: ApplicationError['code'], reason: string, cause?: unknown): ApplicationError =>
    new ApplicationError(code, `the release ${releaseKey(release)} is refused: ${reason}`, { cause })
}

async function openLocation(location: string): Promise<AsyncIterable<Uint8Array>> {
  const url = URL.canParse(location) ? new URL(location) : undefined
  const opener = url && openers[url.protocol]
  if (url !== undefined && opener !== undefined) return await opener(url)
  throw new ApplicationError(
    'MODEL_LOCATION_UNSUPPORTED',
    `models are read from ${Object.keys(openers).join(' and ')} URLs, not from ${location}`,
  )
}

/** An object of a bucket; the environment says which AWS is meant (`lake/README.md`). */
async function openObject(location: URL): Promise<AsyncIterable<Uint8Array>> {
  const empty = (cause: unknown): ApplicationError =>
    new ApplicationError('MODEL_LOCATION_EMPTY', `there is no object ${location}`, { cause })
  const key = decodeURIComponent(location.pathname.slice(1))
  const store = await openStore(`s3://${location.host}`).catch(cause => {
    throw empty(cause)
  })
  return (async function* () {
    try {
      yield* store.stream(key)
    } catch (error) {
      throw error instanceof LakeError && missing.has(error.code) ? empty(error) : error
    } finally {
      await store.close()
    }
  })()
}

const missing: ReadonlySet<string> = new Set(['OBJECT_MISSING', 'OBJECT_KEY_INVALID', 'S3_BUCKET_MISSING'])

async function openFile(location: URL): Promise<AsyncIterable<Uint8Array>> {
  try {
    // A pipe or a device might never answer, or never end.
    const file = await open(fileURLToPath(location), constants.O_RDONLY | constants.O_NONBLOCK)
    if ((await file.stat()).isFile()) return file.createReadStream()
    await file.close()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  throw new ApplicationError('MODEL_LOCATION_EMPTY', `there is no file ${location}`)
}
