/** A PostgreSQL server of one's own: in a directory of its own, on a free port, gone afterwards. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export interface PostgresServer {
  readonly port: number
  /** With user and password. */
  readonly url: string
  /** Of the process that the others are children of; the server runs. */
  pid(): number
  start(): Promise<void>
  /** As by kill -9: what was not committed is lost, what was committed is not. */
  kill(): Promise<void>
  /** Ends the server and removes its directory. */
  remove(): Promise<void>
}

/** Why there can be none here; undefined when there can. */
export function postgresUnavailable(): string | undefined {
  if (programs() === undefined) return 'no PostgreSQL server (initdb)'
  if (process.getuid?.() === 0 && owner() === undefined)
    return 'PostgreSQL does not run as root, and there is no user postgres'
  return undefined
}

/** @param tls files of a certificate and its key, with which it also speaks TLS */
export async function postgresServer(tls?: {
  readonly certificate: string
  readonly key: string
}): Promise<PostgresServer> {
  const bin = programs()
  if (bin === undefined) throw new Error(postgresUnavailable())
  const user = owner()
  const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-postgres-'))
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, 'open sesame\n')
  if (user !== undefined) for (const path of [directory, passwordFile]) await chown(path, user.uid, user.gid)
  const data = join(directory, 'data')
  execFileSync(
    join(bin, 'initdb'),
    [
      '--no-sync',
      '-D',
      data,
      '-U',
      'watch',
      '-A',
      'scram-sha-256',
      '--pwfile',
      passwordFile,
      '-E',
      'UTF8',
      '--locale',
      'C',
    ],
    { ...user, cwd: directory, stdio: 'ignore' },
  )
  if (tls !== undefined) {
    // The server takes a key only of a file that is its own, and closed to others.
    for (const [name, from] of Object.entries({ 'server.crt': tls.certificate, 'server.key': tls.key })) {
      const to = join(data, name)
      await copyFile(from, to)
      await chmod(to, 0o600)
      if (user !== undefined) await chown(to, user.uid, user.gid)
    }
  }
  const port = await freePort()
  let server: ChildProcess | undefined

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  const result: PostgresServer = {
    port,
    url: `postgres://watch:open%20sesame@127.0.0.1:${port}/postgres`,
    pid() {
      if (server?.pid === undefined) throw new Error('PostgreSQL does not run')
      return server.pid
    },
    async start() {
      const settings = [
        'listen_addresses=127.0.0.1',
        `unix_socket_directories=${directory}`,
        'fsync=off',
        `ssl=${tls === undefined ? 'off' : 'on'}`,
      ]
      server = spawn(
        join(bin, 'postgres'),
        ['-D', data, '-p', String(port), ...settings.flatMap(each => ['-c', each])],
        {
          ...user,
          cwd: directory,
          stdio: 'ignore',
        },
      )
      for (const deadline = Date.now() + 30_000; !(await answers(port)); ) {
        if (server.exitCode !== null || Date.now() > deadline) throw new Error('PostgreSQL did not start')
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    },
    kill: () => end('SIGKILL'),
    async remove() {
      await end('SIGINT')
      await rm(directory, { recursive: true, force: true })
    },
  }
  await result.start()
  return result
}

/** Debian keeps the server's programs off the PATH. */
function programs(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).map(version => join(debian, version, 'bin')) : []
  return [...(process.env.PATH ?? '').split(delimiter), ...versions].find(folder =>
    ['initdb', 'postgres'].every(program => existsSync(join(folder, program))),
  )
}

/** The server refuses to run as root. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const number = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: number('-u'), gid: number('-g') }
  } catch {
    return undefined
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Whether a start-up packet is answered with a request for a password, and not with "the database is starting up". */
function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const body = Buffer.from('\0\x03\0\0user\0watch\0database\0postgres\0\0', 'latin1')
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    socket.on('connect', () => socket.write(Buffer.concat([length, body])))
    socket.on('data', data => {
      resolve(data[0] === 'R'.charCodeAt(0))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
}
