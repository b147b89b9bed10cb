/** An object store in a bucket of S3, or of what speaks its protocol. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  type Part,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { causeOf, statusOf, told } from './aws.ts'
import { LakeError } from './errors.ts'
import {
  type ByteRange,
  checkKey,
  missing,
  type ObjectStore,
  type ObjectSummary,
  READ_LIMIT,
  tooLarge,
} from './object-store.ts'

/** Tries of one request, with growing waits between them. */
const ATTEMPTS = 5
/** Milliseconds. */
const CONNECTED_WITHIN = 5_000
const ANSWERED_WITHIN = 60_000

/**
 * A client as the environment says (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_S3 …). An endpoint of one's own is asked
 * for buckets by path, as MinIO and others want it.
 */
export function s3Client(environment: NodeJS.ProcessEnv = process.env): S3Client {
  return new S3Client({
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTED_WITHIN,
      requestTimeout: ANSWERED_WITHIN,
      throwOnRequestTimeout: true,
    },
    forcePathStyle: Boolean(environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL),
  })
}

/** @param prefix of all keys, without slashes at its ends; empty for the whole bucket. `close` closes the client too. */
export function s3Store(client: S3Client, bucket: string, prefix = ''): ObjectStore {
  const before = prefix === '' ? '' : `${prefix}/`
  const url = `s3://${bucket}/${before}`

  function at(key: string): { Bucket: string; Key: string } {
    checkKey(key)
    return { Bucket: bucket, Key: `${before}${key}` }
  }

  async function read(key: string, range?: ByteRange) {
    const Range = range && `bytes=${range.start}-${Math.max(range.start, range.end - 1)}`
    return await told(`reading ${url}${key}`, () => client.send(new GetObjectCommand({ ...at(key), Range })))
  }

  /** In the order of their numbers; undefined where there is no such upload. */
  async function partsOf(key: string, id: string): Promise<Part[] | undefined> {
    const parts: Part[] = []
    try {
      // The client's own paginator goes by NextPartNumberMarker alone, which some stores send with the last page too.
      for (let marker: string | undefined; ; ) {
        const command = new ListPartsCommand({ ...at(key), UploadId: id, PartNumberMarker: marker })
        const page = await told(`listing the parts of ${url}${key}`, () => client.send(command))
        parts.push(...(page.Parts ?? []))
        if (!page.IsTruncated) return parts
        marker = page.NextPartNumberMarker
      }
    } catch (error) {
      if (isUnknownUpload(error)) return undefined
      throw error
    }
  }

  return {
    url,

    async put(key, body, { ifAbsent = false } = {}) {
      const command = new PutObjectCommand({ ...at(key), Body: body, ...(ifAbsent && { IfNoneMatch: '*' }) })
      try {
        await told(`writing ${url}${key}`, () => client.send(command))
      } catch (error) {
        // 409: another writer is about to finish. Either way this one did not write.
        if (statusOf(causeOf(error)) === 412 || (ifAbsent && statusOf(causeOf(error)) === 409))
          throw new LakeError('OBJECT_EXISTS', `${url}${key} is there already`, { cause: error })
        throw error
      }
    },

    async get(key, { range, limit = READ_LIMIT } = {}) {
      if (range !== undefined && range.end <= range.start) return Buffer.alloc(0)
      try {
        const { Body, ContentLength = 0 } = await read(key, range)
        if (Body === undefined) throw missing(url, key)
        if (ContentLength > limit) {
          await Body.transformToWebStream().cancel()
          throw tooLarge(url, key, ContentLength, limit)
        }
        return await told(`reading ${url}${key}`, async () => Buffer.from(await Body.transformToByteArray()))
      } catch (error) {
        if (statusOf(causeOf(error)) === 416) return Buffer.alloc(0)
        throw isMissing(causeOf(error)) ? missing(url, key, error) : error
      }
    },

    async *stream(key) {
      try {
        const { Body } = await read(key)
        if (Body === undefined) throw missing(url, key)
        const pieces = Body.transformToWebStream()[Symbol.asyncIterator]()
        for (;;) {
          const piece = await told(`reading ${url}${key}`, () => pieces.next())
          if (piece.done) return
          yield piece.value
        }
      } catch (error) {
        throw isMissing(causeOf(error)) ? missing(url, key, error) : error
      }
    },

    async stat(key) {
      try {
        const found = await told(`asking for ${url}${key}`, () => client.send(new HeadObjectCommand(at(key))))
        return summary(key, found.ContentLength, found.LastModified, found.ETag)
      } catch (error) {
        if (isMissing(causeOf(error))) return undefined
        throw error
      }
    },

    async *list(prefix = '') {
      const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${before}${prefix}` })
      for (;;) {
        const page = await told(`listing ${url}${prefix}`, () => pages.next())
        if (page.done) return
        for (const { Key = '', Size, LastModified, ETag } of page.value.Contents ?? [])
          yield summary(Key.slice(before.length), Size, LastModified, ETag)
      }
    },

    async delete(key) {
      await told(`deleting ${url}${key}`, () => client.send(new DeleteObjectCommand(at(key))))
    },

    uploads: {
      async begin(key) {
        const begun = await told(`beginning ${url}${key}`, () =>
          client.send(new CreateMultipartUploadCommand(at(key))),
        )
        if (begun.UploadId === undefined) throw new LakeError('AWS_REFUSED', `${url}${key} got no upload id`)
        return begun.UploadId
      },

      async finished(key, id) {
        const parts = await partsOf(key, id)
        return parts && new Map(parts.map(({ PartNumber = 0, Size = 0 }) => [PartNumber, Size]))
      },

      async put(key, id, part, bytes) {
        const command = new UploadPartCommand({ ...at(key), UploadId: id, PartNumber: part, Body: bytes })
        await told(`writing part ${part} of ${url}${key}`, () => client.send(command))
      },

      async complete(key, id) {
        const parts = await partsOf(key, id)
        if (parts === undefined) throw missing(url, `${key}, upload ${id}`)
        const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
        const command = new CompleteMultipartUploadCommand({
          ...at(key),
          UploadId: id,
          MultipartUpload: { Parts },
        })
        await told(`completing ${url}${key}`, () => client.send(command))
      },

      async abandon(key, id) {
        try {
          const command = new AbortMultipartUploadCommand({ ...at(key), UploadId: id })
          await told(`abandoning ${url}${key}`, () => client.send(command))
        } catch (error) {
          if (!isUnknownUpload(error)) throw error
        }
      },
    },

    async close() {
      client.destroy()
    },
  }
}

/** The ETag comes in quotes. */
function summary(key: string, size = 0, modified = new Date(0), etag = ''): ObjectSummary {
  return { key, size, modified: modified.getTime(), etag: etag.replaceAll('"', '') }
}

/** A HEAD is answered without a body, hence without a name: NotFound. A missing bucket has a name of its own elsewhere. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)
}

function isUnknownUpload(error: unknown): boolean {
  const cause = causeOf(error)
  return cause instanceof Error && cause.name === 'NoSuchUpload'
}
