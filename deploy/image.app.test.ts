/** The node's image without an engine: what it copies and installs is enough for a node that runs, is healthy and ends. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settings } from '../cli/configuration/settings.ts'
import { root } from '../test/files.ts'
import { printed } from '../test/node-process.ts'
import { bare, buildInDirectory, type Image } from './testing/dockerfile.ts'

describe('the image of a node', () => {
  let directory: string
  let image: Image
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tickerwatch-image-'))
    image = buildInDirectory(join(root, 'deploy/images/node/Dockerfile'), root, directory)
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  /** A word of the image's as a path of this machine. */
  const here = (word: string): string => (/^\/(app|var)\//.test(word) ? join(image.root, word) : word)
  const contents = (): string[] =>
    readdirSync(join(image.root, 'app'), { recursive: true, encoding: 'utf8' }).filter(
      file => !file.startsWith('node_modules/.cache'),
    )

  test('is run by nobody special, on the port of the settings, with no tests and no secrets in it', () => {
    expect(image.user).toBe('node')
    expect(image.exposed).toEqual([settings.port.default])
    expect(image.environment.TICKERWATCH_PORT).toBe(String(settings.port.default))
    const own = contents().filter(file => !file.startsWith('node_modules'))
    expect(own.length).toBeGreaterThan(300)
    expect(own.filter(file => /\.test\.ts$|\.env$|node\.json$/.test(file))).toEqual([])
  })

  test('runs, tells its health, writes only where its state is, and ends cleanly', async () => {
    const before = contents().length
    const port = await freePort()
    const environment: NodeJS.ProcessEnv = {
      ...bare(),
      ...Object.fromEntries(Object.entries(image.environment).map(([name, value]) => [name, here(value)])),
      TICKERWATCH_HOST: '127.0.0.1',
      TICKERWATCH_PORT: String(port),
    }
    environment.TICKERWATCH_STATE = join(image.root, 'var/lib/tickerwatch')
    const [program = '', ...words] = [...image.entrypoint, ...image.command].map(here)
    const node = spawn(program, words, { cwd: join(image.root, 'app'), env: environment })
    const output = printed(node)
    const ended = once(node, 'close')
    const healthy = (): boolean => {
      const [check = '', ...rest] = image.healthcheck
      return spawnSync(check, rest, { env: environment }).status === 0
    }
    try {
      const deadline = Date.now() + 300_000
      while (!healthy()) {
        expect(node.exitCode, output()).toBeNull()
        expect(Date.now(), output()).toBeLessThan(deadline)
        await new Promise(resolve => setTimeout(resolve, 200))
      }
      const ready = await fetch(`http://127.0.0.1:${port}/health/ready`)
      expect(await ready.json()).toEqual({ status: 'ok' })
      expect(readFileSync(join(image.root, 'var/lib/tickerwatch/node.json'), 'utf8')).toContain(String(port))
    } finally {
      node.kill('SIGTERM')
      await ended
    }
    expect(node.exitCode, output()).toBe(0)
    expect(healthy()).toBe(false)
    expect(contents()).toHaveLength(before)
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
