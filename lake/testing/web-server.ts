/** A web server for tests that serves one file by ranges, and misbehaves when told. */
import { createServer, type ServerResponse } from 'node:http'

/** What to do with a request for the bytes `start` to `end` (exclusive) instead of answering; true if it did something. */
export type Misbehaviour = (
  range: { readonly start: number; readonly end: number },
  response: ServerResponse,
  bytes: Buffer,
) => boolean

export interface WebServer {
  /** Of the file: `name` in the call. */
  readonly url: string
  /** Ranges asked for. */
  readonly requests: { readonly start: number; readonly end: number }[]
  /** Bytes of the file sent. */
  sent: number
  bytes: Buffer
  etag: string
  misbehave: Misbehaviour
  stop(): Promise<void>
}

export async function serve(name: string, bytes: Buffer): Promise<WebServer> {
  const http = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const start = Number(from)
    const end = Math.min(Number(to) + 1, server.bytes.length)
    server.requests.push({ start, end })
    if (server.misbehave({ start, end }, response, server.bytes)) return
    if (server.bytes.length === 0) {
      response.writeHead(416, { 'content-range': 'bytes */0' }).end()
      return
    }
    server.sent += end - start
    response.writeHead(206, rangeHeaders(start, end, server))
    response.end(server.bytes.subarray(start, end))
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  const server: WebServer = {
    url: `http://127.0.0.1:${address.port}/${name}`,
    requests: [],
    sent: 0,
    bytes,
    etag: '"1"',
    misbehave: () => false,
    stop: () => {
      http.closeAllConnections()
      return new Promise(resolve => http.close(() => resolve()))
    },
  }
  return server
}

export function rangeHeaders(
  start: number,
  end: number,
  file: { readonly bytes: Buffer; readonly etag: string },
): Record<string, string | number> {
  return {
    'content-range': `bytes ${start}-${end - 1}/${file.bytes.length}`,
    'content-length': end - start,
    etag: file.etag,
  }
}
