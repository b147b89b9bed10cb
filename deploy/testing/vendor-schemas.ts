/**
 * Takes the schemas of deploy/fixtures from the sources of the projects, as the Go module proxy has them (Go is needed):
 * npx tsx deploy/testing/vendor-schemas.ts
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const fixtures = join(import.meta.dirname, '../fixtures')

/** The kinds that deploy/kubernetes has. */
const kinds = [
  'io.k8s.api.apps.v1.StatefulSet',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.core.v1.Namespace',
  'io.k8s.api.core.v1.Secret',
  'io.k8s.api.core.v1.Service',
  'io.k8s.api.core.v1.ServiceAccount',
  'io.k8s.api.networking.v1.NetworkPolicy',
  'io.k8s.api.policy.v1.PodDisruptionBudget',
]

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
const json: z.ZodType<Json> = z.json()

/** The directory of a module's sources. */
function source(module: string): string {
  const { stdout, stderr } = spawnSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8' })
  const { Dir, Error: error } = z
    .object({ Dir: z.string().optional(), Error: z.string().optional() })
    .parse(JSON.parse(stdout || '{}'))
  if (Dir === undefined) throw new Error(`${module} is not to be had: ${error ?? stderr}`)
  return Dir
}

/** Without what is said to people, and with no other fields than those that are named. */
function strict(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(strict)
  if (schema === null || typeof schema !== 'object') return schema
  if (schema.format === 'int-or-string') return { type: ['integer', 'string'] }
  const entries = Object.entries(schema)
    .filter(([name, value]) => !(name === 'description' && typeof value === 'string') && !/^x-/.test(name))
    .map(([name, value]) => [name, strict(value)])
  const closed =
    schema.properties !== undefined &&
    schema.additionalProperties === undefined &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  return Object.fromEntries(closed ? [...entries, ['additionalProperties', false]] : entries)
}

function kubernetes(): Json {
  const swagger = join(source('k8s.io/kubernetes@v1.34.3'), 'api/openapi-spec/swagger.json')
  const { definitions: all } = z
    .object({ definitions: z.record(z.string(), json) })
    .parse(JSON.parse(readFileSync(swagger, 'utf8')))
  const definitions: Record<string, Json> = {}
  const take = (name: string): void => {
    if (definitions[name] !== undefined) return
    // Numbers do where YAML has no quotes.
    definitions[name] = /\.Quantity$/.test(name) ? { type: ['number', 'string'] } : strict(all[name] ?? {})
    for (const [, other = ''] of JSON.stringify(definitions[name]).matchAll(/#\/definitions\/([^"]+)"/g))
      take(other)
  }
  kinds.forEach(take)
  const words = z.array(z.object({ group: z.string(), version: z.string(), kind: z.string() }))
  const cases = kinds.map(name => {
    const { 'x-kubernetes-group-version-kind': own } = z
      .looseObject({ 'x-kubernetes-group-version-kind': words })
      .parse(all[name])
    const { group = '', version = '', kind = '' } = own[0] ?? {}
    return { kind, apiVersion: group === '' ? version : `${group}/${version}`, name }
  })
  return {
    oneOf: cases.map(({ kind, apiVersion, name }) => ({
      properties: { kind: { const: kind }, apiVersion: { const: apiVersion } },
      required: ['kind', 'apiVersion', 'metadata'],
      allOf: [{ $ref: `#/definitions/${name}` }],
    })),
    definitions,
  }
}

/** The schema of a custom resource. */
function custom(file: string, version: string): Json {
  const { spec } = z
    .object({
      spec: z.object({
        versions: z.array(z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: json }) })),
      }),
    })
    .parse(parse(readFileSync(file, 'utf8')))
  const found = spec.versions.find(({ name }) => name === version)
  if (found === undefined) throw new Error(`${file} has no version ${version}`)
  return strict(found.schema.openAPIV3Schema)
}

const keda = source('github.com/kedacore/keda/v2@v2.21.0')
const monitoring = source('github.com/prometheus-operator/prometheus-operator@v0.85.0')
const compose = source('github.com/compose-spec/compose-go/v2@v2.16.2')
const schemas: Readonly<Record<string, Json>> = {
  'kubernetes.json': kubernetes(),
  'keda.json': custom(join(keda, 'config/crd/bases/keda.sh_scaledobjects.yaml'), 'v1alpha1'),
  'monitoring.json': custom(
    join(monitoring, 'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml'),
    'v1',
  ),
  'compose-spec.json': json.parse(
    JSON.parse(readFileSync(join(compose, 'schema/compose-spec.json'), 'utf8')),
  ),
}
for (const [name, schema] of Object.entries(schemas))
  writeFileSync(join(fixtures, name), `${JSON.stringify(schema)}\n`)
