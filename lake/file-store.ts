/**
 * An object store in a directory: a key is a path below it. So, other than in S3, no key can be the folder of another
 * (`a` beside `a/b`): writing the second of them fails.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LakeError } from './errors.ts'
import {
  checkKey,
  missing,
  type ObjectStore,
  type ObjectSummary,
  READ_LIMIT,
  tooLarge,
} from './object-store.ts'

/** Files being written have names that no key may have a part of; one left by a crash is never listed. */
const UNFINISHED = '.unfinished'
const UPLOAD_ID = /^upload-[0-9a-f-]{36}$/

/** @param directory made when the first object is written */
export function fileStore(directory: string): ObjectStore {
  const root = resolve(directory)
  const url = `${pathToFileURL(root).href}/`

  function pathOf(key: string): string {
    checkKey(key)
    if (key.split('/').includes(UNFINISHED))
      throw new LakeError('OBJECT_KEY_INVALID', `${UNFINISHED} is kept for files being written`)
    return join(root, ...key.split('/'))
  }

  function folderOf(id: string): string {
    if (!UPLOAD_ID.test(id)) throw missing(url, `upload ${id}`)
    return join(root, UNFINISHED, id)
  }

  async function* summaries(folder: string, prefix: string): AsyncGenerator<ObjectSummary> {
    const names: { name: string; folder: boolean }[] = []
    try {
      for await (const entry of await opendir(join(root, folder))) {
        const within = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (within === UNFINISHED) continue
        // A folder of which no key can begin with the prefix is not looked into.
        const path = entry.isDirectory() ? `${within}/` : within
        if (path.startsWith(prefix) || (entry.isDirectory() && prefix.startsWith(path)))
          names.push({ name: path, folder: entry.isDirectory() })
      }
    } catch (cause) {
      if (isMissing(cause)) return
      throw cause
    }
    names.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    for (const { name, folder } of names) {
      if (folder) yield* summaries(name.slice(0, -1), prefix)
      else {
        const found = await summaryOf(join(root, name), name)
        if (found !== undefined) yield found
      }
    }
  }

  return {
    url,

    async put(key, body, { ifAbsent = false } = {}) {
      const path = pathOf(key)
      const unfinished = join(root, UNFINISHED, randomUUID())
      await mkdir(dirname(unfinished), { recursive: true })
      try {
        await written(unfinished, body)
        await placed(unfinished, path, ifAbsent)
      } catch (cause) {
        if (ifAbsent && codeOf(cause) === 'EEXIST')
          throw new LakeError('OBJECT_EXISTS', `${url}${key} is there already`, { cause })
        throw cause
      } finally {
        await rm(unfinished, { force: true })
      }
    },

    async get(key, { range, limit = READ_LIMIT } = {}) {
      const file = await opened(pathOf(key), () => missing(url, key))
      try {
        const { size } = await file.stat()
        const start = Math.min(range?.start ?? 0, size)
        const length = Math.min(range?.end ?? size, size) - start
        if (length > limit) throw tooLarge(url, key, length, limit)
        const bytes = Buffer.alloc(length)
        for (let filled = 0; filled < length; ) {
          const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled)
          if (bytesRead === 0) throw missing(url, key)
          filled += bytesRead
        }
        return bytes
      } finally {
        await file.close()
      }
    },

    async *stream(key) {
      const path = pathOf(key)
      try {
        yield* createReadStream(path)
      } catch (cause) {
        throw isMissing(cause) ? missing(url, key, cause) : cause
      }
    },

    async stat(key) {
      return await summaryOf(pathOf(key), key)
    },

    list: (prefix = '') => summaries('', prefix),

    async delete(key) {
      const path = pathOf(key)
      await rm(path, { force: true })
      // Folders are no objects: those that are empty now go too.
      for (let folder = dirname(path); folder !== root && folder.startsWith(root); folder = dirname(folder)) {
        if (!(await removed(folder))) break
      }
    },

    uploads: {
      async begin(key) {
        pathOf(key)
        const id = `upload-${randomUUID()}`
        await mkdir(join(root, UNFINISHED, id), { recursive: true })
        return id
      },

      async finished(key, id) {
        pathOf(key)
        try {
          const names = (await readdir(folderOf(id))).filter(name => /^\d+$/.test(name))
          const sizes = names.map(async name => (await stat(join(folderOf(id), name))).size)
          const found = await Promise.all(sizes)
          return new Map(names.map((name, i) => [Number(name), found[i]!]))
        } catch (cause) {
          if (isMissing(cause)) return undefined
          throw cause
        }
      },

      async put(key, id, part, bytes) {
        pathOf(key)
        const unfinished = join(folderOf(id), `${part}-${randomUUID()}`)
        await written(unfinished, bytes)
        await rename(unfinished, join(folderOf(id), String(part)))
      },

      async complete(key, id) {
        const path = pathOf(key)
        const parts = [...((await this.finished(key, id)) ?? []).keys()].sort((a, b) => a - b)
        if (parts.length === 0) throw missing(url, `${key}, upload ${id}`)
        const whole = join(folderOf(id), 'whole')
        const file = await open(whole, 'w')
        try {
          for (const part of parts) await file.appendFile(await readFile(join(folderOf(id), String(part))))
          await file.sync()
        } finally {
          await file.close()
        }
        await placed(whole, path, false)
        await rm(folderOf(id), { recursive: true })
      },

      async abandon(_, id) {
        await rm(folderOf(id), { recursive: true, force: true })
      },
    },

    async close() {},
  }
}

async function written(path: string, body: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(body)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A link fails where the name is taken, and a rename replaces it; either happens at once. */
async function placed(unfinished: string, path: string, ifAbsent: boolean): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await mkdir(dirname(path), { recursive: true })
    try {
      return await (ifAbsent ? link(unfinished, path) : rename(unfinished, path))
    } catch (cause) {
      // Somebody who deleted the last object of the folder has just taken the folder away.
      if (!isMissing(cause) || attempt === 10) throw cause
    }
  }
}

async function opened(path: string, none: () => LakeError): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    throw isMissing(cause) ? none() : cause
  }
}

async function summaryOf(path: string, key: string): Promise<ObjectSummary | undefined> {
  try {
    const found = await stat(path, { bigint: true })
    if (!found.isFile()) return undefined
    const etag = `${found.size}-${found.mtimeNs}`
    return { key, size: Number(found.size), modified: Number(found.mtimeMs), etag }
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

async function removed(folder: string): Promise<boolean> {
  return await rmdir(folder).then(
    () => true,
    () => false,
  )
}

/** A folder where the key has a file, or a file where it has a folder, is no such object either. */
function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
