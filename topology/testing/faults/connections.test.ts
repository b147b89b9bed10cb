import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Connections } from './connections.ts'

const cleanUp: (() => void)[] = []
afterEach(() => {
  for (const step of cleanUp.splice(0)) step()
})

/** A request as far as it matters here: length, API key, version, id. */
function request(apiKey: number, id: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeInt32BE(8, 0)
  bytes.writeInt16BE(apiKey, 4)
  bytes.writeInt32BE(id, 8)
  return bytes
}

/** Answers each request with its id and some bytes, in pieces that keep to no boundary. */
function answering(socket: Socket, received: number[]): void {
  socket.on('error', () => {}) // its client may be gone
  socket.on('data', data => {
    for (let at = 0; at < data.length; at += 12) {
      const id = data.readInt32BE(at + 8)
      received.push(id)
      const answer = Buffer.alloc(8 + 100)
      answer.writeInt32BE(104, 0)
      answer.writeInt32BE(id, 4)
      socket.write(answer.subarray(0, 3 + (id % 7)))
      socket.write(answer.subarray(3 + (id % 7)))
    }
  })
}

async function connected(connections: Connections) {
  const received: number[] = []
  const server: Server = createServer(socket => {
    socket.setNoDelay(true)
    answering(socket, received)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanUp.push(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  let socket: Socket | undefined
  await new Promise<void>(resolve => {
    socket = connections.socketFactory({ host: '127.0.0.1', port, ssl: {}, onConnect: resolve })
  })
  cleanUp.push(() => socket?.destroy())
  let bytes = 0
  socket!.on('data', chunk => {
    bytes += chunk.length
  })
  return { socket: socket!, received, bytes: () => bytes }
}

const until = async (holds: () => boolean): Promise<void> => {
  const deadline = Date.now() + 10_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('waited in vain')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test('a connection is cut after the request is written and before its answer is delivered', async () => {
  const connections = new Connections()
  const { socket, received, bytes } = await connected(connections)
  const errors: Error[] = []
  socket.on('error', error => errors.push(error))
  let cut = 0
  connections.cut('EndTxn', () => cut++)
  socket.write(request(0, 1))
  await until(() => bytes() === 108)
  socket.write(request(26, 2))
  socket.write(request(0, 3))
  await until(() => errors.length > 0)
  expect(errors.map(error => error.message)).toEqual(['cut'])
  expect(cut).toBe(1)
  // The server has taken the request; of its answer at most the length arrived.
  expect(received).toContain(2)
  expect(bytes()).toBeLessThan(108 + 8)
})

test('only the next such request is cut', async () => {
  const connections = new Connections()
  connections.cut('EndTxn', () => {})
  const first = await connected(connections)
  first.socket.on('error', () => {})
  first.socket.write(request(26, 1))
  await until(() => first.socket.destroyed)
  const second = await connected(connections)
  second.socket.write(request(26, 2))
  await until(() => second.bytes() === 108)
})

test('another request is cut where the connection was closed before the answer came', async () => {
  const connections = new Connections()
  let cut = 0
  connections.cut('Fetch', () => cut++)
  const first = await connected(connections)
  first.socket.write(request(1, 1))
  first.socket.destroy()
  await until(() => first.socket.closed)
  const second = await connected(connections)
  second.socket.on('error', () => {})
  second.socket.write(request(1, 2))
  await until(() => second.socket.destroyed)
  expect(cut).toBe(1)
})

test('tells when a request is on its way', async () => {
  const connections = new Connections()
  const written: string[] = []
  connections.onWritten('Produce', () => written.push('Produce'))
  const { socket, bytes } = await connected(connections)
  socket.write(request(1, 1))
  expect(written).toEqual([])
  socket.write(request(0, 2))
  socket.write(request(0, 3))
  expect(written).toEqual(['Produce'])
  await until(() => bytes() === 3 * 108)
})
