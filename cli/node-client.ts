/** Requests to the running node. */
import { z } from 'zod'
import { CliError } from './errors.ts'
import { readNodeFile } from './node-file.ts'
import { whileItTakesLong } from './progress.ts'

/** Milliseconds that a node may take for its answer, unless it is asked for more. */
const PATIENCE = 30_000

const refusal = z.object({ message: z.string(), code: z.string().optional() })

export interface NodeRequest {
  readonly method: 'GET' | 'POST'
  /** With its query, such as /api/models?promote=true. */
  readonly path: string
  /** JSON text. */
  readonly body?: string
  /** Milliseconds. */
  readonly patience?: number
}

/**
 * Sends a request to the node of a state directory, with its token, and gives the JSON of the answer.
 * @throws CliError NODE_NOT_RUNNING, NODE_FILE_INVALID, NODE_UNREACHABLE, NODE_REFUSED
 */
export async function askNode(
  stateDirectory: string,
  { method, path, body, patience = PATIENCE }: NodeRequest,
): Promise<unknown> {
  const node = await readNodeFile(stateDirectory)
  const unreachable = (cause: unknown) =>
    new CliError('NODE_UNREACHABLE', `the node at ${node.url} does not answer`, { cause })
  const stop = whileItTakesLong(() => `waiting for the node at ${node.url}`)
  const response = await fetch(new URL(path, node.url), {
    method,
    headers: {
      authorization: `Bearer ${node.token}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    body,
    signal: AbortSignal.timeout(patience),
  }).catch(cause => {
    stop()
    throw unreachable(cause)
  })
  const text = await response
    .text()
    .catch(cause => {
      throw unreachable(cause)
    })
    .finally(stop)
  const answer = json(text)
  if (!response.ok) {
    const { data } = refusal.safeParse(answer)
    const reason = data ? `${data.code ? `${data.code}: ` : ''}${data.message}` : `status ${response.status}`
    throw new CliError('NODE_REFUSED', reason)
  }
  if (answer === undefined) throw new CliError('NODE_REFUSED', `the answer to ${method} ${path} is no JSON`)
  return answer
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
