/** The releases that come with the package. */
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { ApplicationError } from '../errors.ts'
import { readRelease, type UnpublishedRelease } from './release.ts'
import { releaseDigest } from './signature.ts'

const directory = new URL('./releases/', import.meta.url)

/** What tells the releases that come with the package: their digests, whatever their model. */
export async function shippedDigests(): Promise<ReadonlySet<string>> {
  const releases = await readAll(file => file.endsWith('.json'))
  return new Set(releases.map(releaseDigest))
}

/** A model's releases, the oldest version first; at least one. @throws ApplicationError MODEL_NOT_SHIPPED */
export async function shippedReleases(name: string): Promise<readonly UnpublishedRelease[]> {
  const releases = await readAll(file => file.startsWith(`${name}-`) && file.endsWith('.json'))
  const own = releases.filter(release => release.name === name)
  if (own.length === 0)
    throw new ApplicationError('MODEL_NOT_SHIPPED', `no release of ${name} comes with this version`)
  return own.sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }))
}

/** One release by its version, or the newest. @throws ApplicationError MODEL_NOT_SHIPPED */
export async function shippedRelease(name: string, version?: string): Promise<UnpublishedRelease> {
  const releases = await shippedReleases(name)
  const found =
    version === undefined ? releases.at(-1) : releases.find(release => release.version === version)
  if (found !== undefined) return found
  const shipped = releases.map(release => release.version).join(', ')
  throw new ApplicationError(
    'MODEL_NOT_SHIPPED',
    `${name}@${version} does not come with this version, but ${shipped}`,
  )
}

async function readAll(isMeant: (file: string) => boolean): Promise<readonly UnpublishedRelease[]> {
  const files = (await readdir(directory)).filter(isMeant)
  return await Promise.all(files.map(file => readRelease(fileURLToPath(new URL(file, directory)))))
}
