/** What of Redshift's API gives temporary logins, over HTTP, so that the real clients are tested; Serverless too. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

export interface RedshiftApi {
  /** For the environment: where the clients find it, and who they are. */
  readonly environment: Readonly<Record<string, string>>
  /** Names of what was asked for, with its parameters. */
  readonly requests: string[]
  /** Answers with AccessDenied from now on. */
  deny(): void
  close(): Promise<void>
}

/** @param login is asked for each answer */
export async function redshiftApi(
  login: () => Promise<{ user: string; password: string; expires: number }>,
): Promise<RedshiftApi> {
  const requests: string[] = []
  let denied = false
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const target = request.headers['x-amz-target']
    requests.push(target === undefined ? body : `${target} ${body}`)
    if (denied) {
      const message = 'is not authorized to perform this'
      response.writeHead(403)
      if (target !== undefined) response.end(JSON.stringify({ __type: 'AccessDeniedException', message }))
      else
        response.end(
          `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`,
        )
      return
    }
    const { user, password, expires } = await login()
    if (target !== undefined) {
      response.setHeader('content-type', 'application/x-amz-json-1.1')
      response.end(JSON.stringify({ dbUser: user, dbPassword: password, expiration: expires / 1000 }))
      return
    }
    const action = new URLSearchParams(body).get('Action')
    const result = `<DbUser>${user}</DbUser><DbPassword>${password}</DbPassword><Expiration>${new Date(expires).toISOString()}</Expiration>`
    response.setHeader('content-type', 'text/xml')
    response.end(`<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    environment: {
      AWS_ENDPOINT_URL_REDSHIFT: url,
      AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS: url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'eu-central-1',
    },
    requests,
    deny: () => {
      denied = true
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
