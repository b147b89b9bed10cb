/** A TCP proxy before a PostgreSQL server that cuts connections where it hurts. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * - `before commit`: COMMIT never reaches the server
 * - `after commit`: the server commits, and its answer never reaches the client
 * - a number: so many bytes after it was armed, wherever that is, in either direction
 */
export type Cut = 'before commit' | 'after commit' | number

export interface CuttingProxy {
  readonly port: number
  /** Cuts once; the next connection is whole again. Answers when it has happened. */
  cut(cut: Cut): Promise<void>
  close(): Promise<void>
}

/** A simple query (protocol-message-formats of PostgreSQL): `Q`, length, text, NUL. */
const commit = Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1')
/** CommandComplete of a commit. */
const committed = Buffer.from('C\0\0\0\x0bCOMMIT\0', 'latin1')

export async function cuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  let armed: { cut: Cut; done: () => void } | undefined

  const server = createServer(client => {
    const upstream = connect(target, '127.0.0.1')
    const ends = [client, upstream]
    const sever = (): void => {
      for (const end of ends) end.destroy()
    }
    const strike = (): void => {
      armed?.done()
      armed = undefined
      sever()
    }
    const counted = (data: Buffer): boolean => {
      if (typeof armed?.cut !== 'number') return false
      armed.cut -= data.length
      return armed.cut <= 0
    }
    for (const end of ends) {
      sockets.add(end)
      end.on('error', sever)
      end.on('close', () => {
        sockets.delete(end)
        sever()
      })
    }
    client.on('data', data => {
      if (counted(data) || (armed?.cut === 'before commit' && data.includes(commit))) strike()
      else upstream.write(data)
    })
    upstream.on('data', data => {
      if (counted(data) || (armed?.cut === 'after commit' && data.includes(committed))) strike()
      else client.write(data)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut: cut =>
      new Promise(resolve => {
        armed = { cut, done: resolve }
      }),
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
