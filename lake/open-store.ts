/** An object store by its URL. */
import { fileURLToPath } from 'node:url'
import { LakeError } from './errors.ts'
import { fileStore } from './file-store.ts'
import type { ObjectStore } from './object-store.ts'

/**
 * @param location `s3://bucket/prefix`, `file:///directory`, or the path of a directory
 * @throws LakeError OBJECT_STORE_URL_INVALID
 */
export async function openStore(location: string): Promise<ObjectStore> {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(location)) return fileStore(location)
  const url = URL.canParse(location) ? new URL(location) : undefined
  if (url?.protocol === 'file:' && url.host === '') return fileStore(fileURLToPath(url))
  const plain = url && !url.search && !url.hash && !url.username && !url.password && !url.port
  if (url?.protocol !== 's3:' || !plain || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host))
    throw new LakeError('OBJECT_STORE_URL_INVALID', `${withoutSecrets(location)} is no place for objects`)
  // Loaded only where it is needed: the client takes a good part of a second.
  const { s3Client, s3Store } = await import('./s3-store.ts')
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  return s3Store(s3Client(), url.host, prefix)
}

function withoutSecrets(location: string): string {
  return location.replace(/\/\/[^/]*@/, '//…@').replace(/[?#].*$/, '')
}
