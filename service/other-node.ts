/** Another node of the group, asked over HTTP. A header says that the question was forwarded, and ends it there. */
import type { z } from 'zod'
import type { Timers } from '../topology/index.ts'

/** Marks a question that another node forwards. */
export const FORWARDED = 'x-tickerwatch-forwarded'
/** Milliseconds that another node has for its answer, and bytes of it. */
const FORWARD_WITHIN = 2000
const FORWARD_BYTES = 16 << 20

export interface AskOptions {
  readonly timers: Timers
  /** Where reading needs one: all nodes have the same ones. */
  readonly token?: string | undefined
}

/**
 * @param url path and query
 * @throws Error with the reason, in words
 */
export async function askNode<T>(
  endpoint: string,
  url: string,
  answer: z.ZodType<T>,
  { timers, token }: AskOptions,
): Promise<T> {
  const abort = new AbortController()
  const cancel = timers.after(FORWARD_WITHIN, () =>
    abort.abort(new Error(`no answer in ${FORWARD_WITHIN} ms`)),
  )
  try {
    const response = await fetch(`http://${endpoint}${url}`, {
      headers: { [FORWARDED]: '1', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      redirect: 'error',
      signal: abort.signal,
    })
    const text = await bodyOf(response)
    if (!response.ok) throw new Error(`it answered ${response.status} ${text.slice(0, 500)}`)
    return answer.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${endpoint} cannot be asked: ${reasonOf(cause)}`, { cause })
  } finally {
    cancel()
  }
}

async function bodyOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > FORWARD_BYTES)
      throw new Error(`its answer is larger than ${FORWARD_BYTES} bytes: ask for less`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Of what fetch throws, the cause says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
