/**
 * How commands find the node that runs on this machine: it writes its address and tokens to `node.json` in its
 * state directory, readable by its owner only, and removes the file when it stops.
 */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CliError } from './errors.ts'

const schema = z.object({
  /** Of the service, such as http://127.0.0.1:8080. */
  url: z.url({ protocol: /^https?$/ }),
  /** A bearer token of the role operator, for commands. */
  token: z.string().min(16),
  /** One of the role annotator, for people to whom its address is given. */
  annotatorToken: z.string().min(16),
  /** Of the process that wrote the file. */
  pid: z.int().positive(),
})

export type NodeFile = Readonly<z.infer<typeof schema>>

/**
 * Makes this node known. The file appears whole or not at all.
 * @throws CliError NODE_ALREADY_RUNNING when another living process is known there
 */
export async function writeNodeFile(stateDirectory: string, node: NodeFile): Promise<void> {
  const other = await parse(path(stateDirectory)).catch(() => undefined)
  if (other && other.pid !== node.pid && isAlive(other.pid)) {
    throw new CliError(
      'NODE_ALREADY_RUNNING',
      `process ${other.pid} runs with the state directory ${stateDirectory}`,
    )
  }
  await mkdir(stateDirectory, { recursive: true })
  const draft = `${path(stateDirectory)}.${node.pid}`
  await writeFile(draft, `${JSON.stringify(node)}\n`, { mode: 0o600 })
  // The mode above holds for new files only, and a draft may have been left over.
  await chmod(draft, 0o600)
  await rename(draft, path(stateDirectory))
}

/** Removes the file of this node; that of another one is left alone. */
export async function removeNodeFile(stateDirectory: string, pid: number): Promise<void> {
  const node = await parse(path(stateDirectory)).catch(() => undefined)
  if (node?.pid === pid) await rm(path(stateDirectory), { force: true })
}

/**
 * The node that runs with this state directory.
 * @throws CliError NODE_NOT_RUNNING, NODE_FILE_INVALID
 */
export async function readNodeFile(stateDirectory: string): Promise<NodeFile> {
  const node = await parse(path(stateDirectory))
  if (!node) throw new CliError('NODE_NOT_RUNNING', `no node runs with the state directory ${stateDirectory}`)
  if (!isAlive(node.pid)) {
    throw new CliError(
      'NODE_NOT_RUNNING',
      `the node of ${stateDirectory} has ended (process ${node.pid}) and left its file behind`,
    )
  }
  return node
}

function path(stateDirectory: string): string {
  return join(stateDirectory, 'node.json')
}

async function parse(file: string): Promise<NodeFile | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new CliError('FILE_UNREADABLE', `${file} cannot be read (${error.code})`, { cause: error })
  })
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new CliError('NODE_FILE_INVALID', `${file} does not describe a node`, { cause })
  }
}

/** Whether a process of this id exists, of whatever user. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
