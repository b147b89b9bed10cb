import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { settle } from '../cli/configuration/configure.ts'
import { settingNames, settings, variableOf } from '../cli/configuration/settings.ts'
import { fromText } from '../cli/configuration/sources.ts'
import { applicationId, topics } from '../processors/topics.ts'
import { root } from '../test/files.ts'
import { parseDockerfile } from './testing/dockerfile.ts'
import { deploy, faults, readManifests } from './testing/manifests.ts'

const manifests = readManifests()
const schemas: Readonly<Record<string, string>> = {
  'keda.sh/v1alpha1': 'keda.json',
  'monitoring.coreos.com/v1': 'monitoring.json',
}

const kustomization = z
  .object({ resources: z.array(z.string()) })
  .parse(parse(readFileSync(join(deploy, 'kubernetes/kustomization.yaml'), 'utf8')))

const probe = z.looseObject({ httpGet: z.object({ path: z.string(), port: z.string() }) })
const container = z.looseObject({
  args: z.array(z.string()),
  env: z.array(
    z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.unknown().optional() }),
  ),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
  securityContext: z.unknown(),
})
const statefulSet = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.looseObject({
    serviceName: z.string(),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        enableServiceLinks: z.boolean(),
        terminationGracePeriodSeconds: z.number(),
        containers: z.tuple([container]),
        volumes: z.array(z.looseObject({ name: z.string() })),
      }),
    }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }), spec: z.unknown() })),
  }),
})
const set = statefulSet.parse(contentOf('StatefulSet')).spec
const pod = set.template.spec
const [node] = pod.containers

function contentOf(kind: string): unknown {
  return manifests.find(manifest => manifest.kind === kind)?.content
}

describe('every manifest', () => {
  test.each(manifests.filter(({ kind }) => kind !== 'Kustomization'))(
    '$file: $kind is what its API describes',
    ({ kind, apiVersion, content }) => {
      const schema = schemas[apiVersion] ?? 'kubernetes.json'
      expect(faults(schema, content)).toEqual([])
      const wrong = { ...z.looseObject({}).parse(content), kind, spek: {} }
      if (schema === 'kubernetes.json') expect(faults(schema, wrong)).not.toEqual([])
    },
  )

  test('is listed for kustomize, but for the example of a secret', () => {
    const files = new Set(manifests.map(({ file }) => file))
    files.delete('kustomization.yaml')
    files.delete('secret.example.yaml')
    expect([...kustomization.resources].sort()).toEqual([...files].sort())
  })
})

describe('the settings of the nodes', () => {
  const text = z.object({ data: z.object({ 'tickerwatch.yaml': z.string() }) }).parse(contentOf('ConfigMap'))
    .data['tickerwatch.yaml']
  const { written, mistakes } = fromText(text, 'tickerwatch.yaml')

  test('are settings, in the file and in the environment', () => {
    expect(mistakes).toEqual([])
    expect(settle(settingNames, written, undefined, {}).mistakes).toEqual([])
    const known = settingNames.map(variableOf)
    const named = node.env.map(({ name }) => name).filter(name => name.startsWith('TICKERWATCH_'))
    expect(
      named.filter(
        name =>
          !known.includes(name) &&
          name !== 'TICKERWATCH_SETTINGS' &&
          !known.includes(name.replace(/_FILE$/, '')),
      ),
    ).toEqual([])
    // The service is named as the variables begin: Kubernetes would set TICKERWATCH_PORT.
    expect(pod.enableServiceLinks).toBe(false)
  })

  test('name files that are mounted', () => {
    for (const { name, value = '' } of node.env) {
      if (!/_(FILE|SETTINGS)$/.test(name)) continue
      expect(
        node.volumeMounts.some(({ mountPath }) => value.startsWith(`${mountPath}/`)),
        name,
      ).toBe(true)
    }
  })

  test('are the same for who scales: topic, group, brokers, and no more nodes than partitions', () => {
    const { spec } = z
      .object({
        spec: z.looseObject({
          maxReplicaCount: z.number(),
          scaleTargetRef: z.unknown(),
          triggers: z.tuple([z.object({ type: z.string(), metadata: z.record(z.string(), z.string()) })]),
        }),
      })
      .parse(contentOf('ScaledObject'))
    const { values } = settle(settingNames, written, undefined, {})
    expect(spec.maxReplicaCount).toBe(values.partitions)
    expect(spec.scaleTargetRef).toMatchObject({ kind: 'StatefulSet', name: 'tickerwatch' })
    expect(spec.triggers[0].metadata).toMatchObject({
      topic: topics.readings,
      consumerGroup: applicationId,
      bootstrapServers: values.brokers?.join(','),
    })
  })
})

describe('a node', () => {
  const dockerfile = parseDockerfile(readFileSync(join(root, 'deploy/images/node/Dockerfile'), 'utf8'))
  const image = (word: string): string[] =>
    dockerfile.filter(each => each.word === word).map(({ rest }) => rest)

  test('is asked for its health where the service tells it, at the port that the image opens', () => {
    const server = readFileSync(join(root, 'service/status-routes.ts'), 'utf8')
    for (const { httpGet } of [node.startupProbe, node.livenessProbe, node.readinessProbe]) {
      expect(server).toContain(`'${httpGet.path}'`)
      expect(httpGet.port).toBe('http')
    }
    expect(node.ports).toEqual([{ name: 'http', containerPort: settings.port.default }])
    expect(image('EXPOSE')).toEqual([String(settings.port.default)])
    const { spec } = z
      .object({
        spec: z.object({ endpoints: z.tuple([z.looseObject({ path: z.string(), port: z.string() })]) }),
      })
      .parse(contentOf('ServiceMonitor'))
    expect(spec.endpoints[0]).toMatchObject({ path: '/metrics', port: 'http' })
    expect(server).toContain(`'/metrics'`)
  })

  test('keeps its state on a volume of its own, and writes nowhere else but in /tmp', () => {
    const [place = ''] = image('VOLUME')
    expect(node.volumeMounts.find(({ name }) => name === 'state')?.mountPath).toBe(place)
    expect(image('ENV').join(' ')).toContain(`TICKERWATCH_STATE=${place}`)
    expect(set.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(['state'])
    expect(node.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    const mounted = node.volumeMounts.map(({ name }) => name).sort()
    expect(mounted).toEqual(['state', ...pod.volumes.map(({ name }) => name)].sort())
  })

  test('has the time that it takes to finish, and a name by which others reach it', () => {
    const run = readFileSync(join(root, 'cli/run/run.ts'), 'utf8')
    const patience = Number(/PATIENCE = ([\d_]+)/.exec(run)?.[1]?.replaceAll('_', ''))
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(patience + 20_000)
    const advertised = node.env.find(({ name }) => name === 'TICKERWATCH_ADVERTISE')?.value
    expect(advertised).toBe(`$(POD_NAME).${set.serviceName}:${settings.port.default}`)
    const services = manifests.filter(({ kind }) => kind === 'Service')
    expect(
      services.map(
        ({ content }) =>
          z.looseObject({ metadata: z.looseObject({ name: z.string() }) }).parse(content).metadata.name,
      ),
    ).toContain(set.serviceName)
  })
})
