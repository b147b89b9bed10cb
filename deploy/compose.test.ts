import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { settle } from '../cli/configuration/configure.ts'
import { settingNames, variableOf } from '../cli/configuration/settings.ts'
import { root } from '../test/files.ts'
import { parseDockerfile } from './testing/dockerfile.ts'
import { composeText, deploy, faults, readCompose } from './testing/manifests.ts'

const example = Object.fromEntries(
  readFileSync(join(deploy, '.env.example'), 'utf8')
    .split('\n')
    .filter(line => /^[A-Z]/.test(line))
    .map((line): [string, string] => {
      const [name = '', value = ''] = line.split('=')
      return [name, value]
    }),
)
const filled = Object.fromEntries(
  Object.entries(example).map(([name, value]) => [name, value || 'filled-in-by-hand']),
)
const compose = readCompose(filled)
const services = Object.entries(compose.services)

test('is what the compose specification describes', () => {
  expect(faults('compose-spec.json', compose)).toEqual([])
  // The schema can say no.
  expect(faults('compose-spec.json', { services: { one: { imag: 'x' } } })).not.toEqual([])
})

describe('its variables', () => {
  const used = new Set([...composeText().matchAll(/\$\{([A-Z_0-9]+)/g)].map(([, name]) => name))

  test('are those of .env.example, which holds no secret', () => {
    expect([...used].sort()).toEqual(Object.keys(example).sort())
    for (const [name, value] of Object.entries(example))
      if (/PASSWORD|SECRET|KEY|TOKEN/.test(name)) expect(value).toBe('')
  })

  test('are asked for where there is no default', () => {
    expect(() => readCompose({})).toThrow(/POSTGRES_PASSWORD is not set: copy deploy\/\.env\.example/)
  })
})

describe('what it asks of the node', () => {
  const nodes = services.filter(([, { environment }]) => environment.TICKERWATCH_BROKERS !== undefined)

  test.each(nodes)('%s has settings that the node takes', (_name, { environment }) => {
    const named = Object.keys(environment).filter(name => name.startsWith('TICKERWATCH_'))
    // Of the image for Airflow, not of the command line.
    const others = ['TICKERWATCH_ALERTMANAGER']
    const known = settingNames.map(variableOf)
    expect(named.filter(name => !known.includes(name) && !others.includes(name))).toEqual([])
    expect(settle(settingNames, new Map(), undefined, environment).mistakes).toEqual([])
  })

  test('are two nodes that reach each other by name, of which one makes up readings', () => {
    const running = nodes.filter(([, { image }]) => image === 'tickerwatch/node')
    expect(running).toHaveLength(2)
    for (const [name, { hostname, environment, volumes }] of running) {
      expect(hostname).toBe(name)
      expect(environment.TICKERWATCH_ADVERTISE).toBe(`${name}:8080`)
      expect(volumes).toEqual([`${name}:/var/lib/tickerwatch`])
    }
    expect(running.filter(([, { environment }]) => environment.TICKERWATCH_DEVICES !== '0')).toHaveLength(1)
  })

  test('is asked of services that are there, at their ports', () => {
    for (const [, { environment }] of nodes) {
      const addresses = Object.values(environment).flatMap(value => [
        ...value.matchAll(/(?:\/\/|@|^)([a-z][a-z0-9-]*):(\d+)/g),
      ])
      expect(addresses.length).toBeGreaterThan(3)
      for (const [, host = '', port = ''] of addresses) {
        const target = compose.services[host]
        expect(target, host).toBeDefined()
        const containerPorts = target?.ports.map(published => published.split(':').at(-1))
        // Kafka publishes another listener than the one for the inside.
        if (host !== 'kafka') expect(containerPorts, `${host}:${port}`).toContain(port)
        else expect(target?.environment.KAFKA_LISTENERS).toContain(`:${port}`)
      }
    }
  })
})

test('everything is healthy before what needs it starts', () => {
  for (const [name, { depends_on }] of services) {
    for (const [needed, { condition }] of Object.entries(depends_on)) {
      const target = compose.services[needed]
      expect(target, `${name} needs ${needed}`).toBeDefined()
      if (condition === 'service_healthy') {
        const own = target?.healthcheck !== undefined
        const ofImage = target?.build && readFileSync(join(root, target.build.dockerfile), 'utf8')
        expect(own || ofImage?.includes('HEALTHCHECK'), `${needed} tells no health`).toBe(true)
      }
    }
  }
})

test('what is mounted and built is there; what is kept has a volume', () => {
  for (const [name, { volumes, build }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('.'))
        expect(existsSync(join(deploy, source)), `${name} mounts ${source}`).toBe(true)
      else expect(Object.keys(compose.volumes)).toContain(source)
    }
    if (build === undefined) continue
    expect(statSync(join(deploy, build.context, build.dockerfile)).isFile()).toBe(true)
    for (const { word, rest } of parseDockerfile(readFileSync(join(root, build.dockerfile), 'utf8'))) {
      if (word !== 'COPY' || rest.includes('--from=')) continue
      for (const source of rest.split(' ').slice(0, -1))
        expect(existsSync(join(root, source)), `${build.dockerfile} copies ${source}`).toBe(true)
    }
  }
})

test('no service is open to the network, or takes all memory; no port is taken twice', () => {
  const published = services.flatMap(([, { ports }]) => ports)
  for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  expect(new Set(published.map(port => port.split(':')[1])).size).toBe(published.length)
  for (const [name, { mem_limit, image }] of services)
    if (!image.startsWith('minio/mc')) expect(mem_limit, name).toBeDefined()
})

test('every image is of a version', () => {
  for (const [, { image }] of services) expect(image).toMatch(/^tickerwatch\/[a-z]+$|:[A-Za-z]*\.?\d[\w.-]+$/)
})
