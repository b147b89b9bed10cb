/** A server of a test's own answers, on a free port. */
import { createServer, type RequestListener } from 'node:http'

export interface AnsweringServer {
  readonly url: string
  stop(): Promise<void>
}

export async function answering(listener: RequestListener): Promise<AnsweringServer> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** What Glue and others that speak AWS JSON 1.1 answer. */
export function awsJson(answer: () => { readonly status: number; readonly body: object }): RequestListener {
  return (request, response) => {
    request.resume()
    const { status, body } = answer()
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
  }
}
