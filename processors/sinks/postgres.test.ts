import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { openPostgres } from './postgres.ts'

test('a database that is not there, and an address that is none, are named without the password', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise(resolve => server.close(resolve))

  await expect(openPostgres(`postgres://watch:sesame@127.0.0.1:${port}/db`)).rejects.toMatchObject({
    code: 'SQL_UNREACHABLE',
    message: `cannot reach postgres 127.0.0.1:${port}/db: connect ECONNREFUSED 127.0.0.1:${port}`,
  })
  for (const url of [
    'watch:sesame@somewhere',
    'postgres://watch:sesame@host:port/db',
    'mysql://watch:sesame@host/db',
    '',
  ]) {
    const error: unknown = await openPostgres(url).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'SQL_URL_INVALID' })
    expect(String(error)).not.toContain('sesame')
  }
})
