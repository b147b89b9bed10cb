/** A file on a web server, read by ranges (RFC 9110, section 14), over connections that may break off. */
import { setTimeout as pause } from 'node:timers/promises'
import { LakeError } from '../errors.ts'
import type { Source } from './source.ts'

/** Failures in a row, without a byte between them, after which a server is given up. */
const ATTEMPTS = 8
/** Milliseconds. */
const FIRST_WAIT = 200
const LONGEST_WAIT = 30_000
/** Milliseconds without a byte after which a connection is taken for dead. */
const SILENCE = 60_000

export interface HttpOptions {
  readonly signal: AbortSignal
  /** Waits before another attempt. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>
  /** Milliseconds without a byte after which a connection is taken for dead. */
  readonly silence?: number
}

/** What a server says of a file. */
interface Answer {
  /** Bytes. */
  readonly size: number
  readonly version: string
}

/** Worth another attempt: the network failed, or the server for the moment. */
class Interrupted extends Error {}

/** @throws LakeError SOURCE_UNREACHABLE, SOURCE_REFUSED, SOURCE_WITHOUT_RANGES */
export async function httpSource(url: string, options: HttpOptions): Promise<Source> {
  const { signal, silence = SILENCE, wait = (ms, signal) => pause(ms, undefined, { signal }) } = options
  const name = withoutSecrets(url)

  /** One connection, that ends at `end` (exclusive), or breaks off before it. */
  async function* connect(start: number, end: number): AsyncGenerator<Answer | Uint8Array> {
    const connection = new AbortController()
    const abort = () => connection.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    /** Time that the reader takes is no silence of the server: the watch runs only while it is waited for. */
    const heard = async <T>(promise: Promise<T>): Promise<T> => {
      const watch = setTimeout(() => connection.abort(new Error(`nothing came for ${silence} ms`)), silence)
      try {
        return await promise
      } catch (cause) {
        throw new Interrupted(messageOf(connection.signal.aborted ? connection.signal.reason : cause), {
          cause,
        })
      } finally {
        clearTimeout(watch)
      }
    }
    try {
      const headers = { range: `bytes=${start}-${end - 1}`, 'accept-encoding': 'identity' }
      const response = await heard(fetch(url, { headers, signal: connection.signal }))
      yield described(response, start, end)
      const body = response.body?.[Symbol.asyncIterator]()
      for (let left = end - start; body !== undefined && left > 0; ) {
        const piece = await heard(body.next())
        if (piece.done) return
        yield piece.value.subarray(0, left)
        left -= piece.value.length
      }
    } finally {
      signal.removeEventListener('abort', abort)
      connection.abort()
    }
  }

  /** What the answer says of the whole file, if it is one to what was asked. */
  function described({ status, headers }: Response, start: number, end: number): Answer {
    if (status === 429 || status >= 500) throw new Interrupted(`the server answered ${status}`)
    if (status === 200)
      throw new LakeError('SOURCE_WITHOUT_RANGES', `${name} is served whole only, not by ranges`)
    const content = headers.get('content-range') ?? ''
    if (status === 416 && start === 0 && content === 'bytes */0') return { size: 0, version: '0' }
    if (status !== 206) throw new LakeError('SOURCE_REFUSED', `${name}: the server answered ${status}`)
    const [first, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(content) ?? []).slice(1).map(Number)
    if (size === undefined || first !== start || last !== Math.min(end, size) - 1)
      throw new Interrupted(`asked for bytes ${start}-${end - 1}, the server sent "${content}"`)
    return { size, version: `${size}-${headers.get('etag') ?? headers.get('last-modified') ?? ''}` }
  }

  /** After the failure of that number in a row. */
  async function waitAfter(failure: unknown, failures: number): Promise<void> {
    signal.throwIfAborted()
    if (!(failure instanceof Interrupted)) throw failure
    if (failures >= ATTEMPTS)
      throw new LakeError('SOURCE_UNREACHABLE', `${name}: ${failure.message}, ${failures} times in a row`, {
        cause: failure,
      })
    await wait(Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1)), signal)
  }

  async function describe(): Promise<Answer> {
    for (let failures = 1; ; failures++) {
      try {
        for await (const answer of connect(0, 1)) if (!(answer instanceof Uint8Array)) return answer
      } catch (failure) {
        await waitAfter(failure, failures)
      }
    }
  }

  const { size, version } = await describe()

  return {
    name,
    size,
    version,
    async *read(start, end) {
      let failures = 0
      for (let position = start; position < end; ) {
        try {
          for await (const piece of connect(position, end)) {
            if (piece instanceof Uint8Array) {
              failures = 0
              position += piece.length
              yield piece
            } else if (piece.version !== version) {
              throw new LakeError('SOURCE_CHANGED', `${name} has become another file while it was read`)
            }
          }
          if (position < end) throw new Interrupted(`the answer ended at byte ${position} of ${end}`)
        } catch (failure) {
          await waitAfter(failure, ++failures)
        }
      }
    },
  }
}

function messageOf(cause: unknown): string {
  // What fetch throws says "fetch failed", and why in its cause.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error ? inner.message : String(inner)
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
