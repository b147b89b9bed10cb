/** What runs on the cluster: the scripts, what they import and the tables they read, uploaded by the hash of their contents. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { ZipFile } from 'yazl'
import { LakeError } from '../../lake/errors.ts'
import type { ObjectStore } from '../../lake/object-store.ts'

export interface Code {
  /** Of the folder that holds scripts and tables under their paths in spark-jobs; ends with a slash. */
  readonly url: string
  /** A zip of every module, for --py-files. */
  readonly modules: string
  /** features.json, for --files. */
  readonly featureSchema: string
}

const scripts = new URL('../', import.meta.url)
const featureSchema = new URL('../../schemas/features.json', import.meta.url)

/** Uploads what is not there yet. Another version of any file has a folder of its own, so a running job keeps its code. */
export async function uploadCode(store: ObjectStore): Promise<Code> {
  const files = await jobFiles()
  const schema = await readFile(featureSchema)
  const hash = createHash('sha256')
  for (const [path, bytes] of [...files, ['features.json', schema] as const])
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  const folder = hash.digest('hex').slice(0, 16)

  await put(store, `${folder}/features.json`, schema)
  await put(store, `${folder}/modules.zip`, await zipped(files))
  for (const [path, bytes] of files) if (!isModule(path)) await put(store, `${folder}/${path}`, bytes)
  const url = `${store.url}${folder}/`
  return { url, modules: `${url}modules.zip`, featureSchema: `${url}features.json` }
}

/** Python files of packages are imported only. */
function isModule(path: string): boolean {
  return path.endsWith('.py') && path.includes('/')
}

/** Path below spark-jobs → contents, in the order of the paths; without tests. */
async function jobFiles(): Promise<Map<string, Buffer>> {
  const paths = (await readdir(scripts, { recursive: true }))
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => /\.(py|csv)$/.test(path) && !/(^|\/)(test_|conftest|\.|submit\/)/.test(path))
    .sort()
  return new Map(
    await Promise.all(
      paths.map(async path => [path, await readFile(fileURLToPath(new URL(path, scripts)))] as const),
    ),
  )
}

/** The same bytes for the same files. */
async function zipped(files: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  const zip = new ZipFile()
  const mtime = new Date(Date.UTC(2000, 0, 1))
  for (const [path, bytes] of files) zip.addBuffer(bytes, path, { mtime, mode: 0o100644 })
  zip.end()
  return await buffer(zip.outputStream)
}

async function put(store: ObjectStore, key: string, bytes: Buffer): Promise<void> {
  try {
    await store.put(key, bytes, { ifAbsent: true })
  } catch (error) {
    // The folder is named by what it holds.
    if (!(error instanceof LakeError && error.code === 'OBJECT_EXISTS')) throw error
  }
}
