/** The files of the deployment, and the schemas that they are held to (deploy/fixtures/README.md). */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'

export const deploy = join(import.meta.dirname, '..')

const environment = z.record(z.string(), z.coerce.string())
const mount = z.string()
const service = z.looseObject({
  image: z.string(),
  hostname: z.string().optional(),
  environment: environment.default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(mount).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({}).optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  mem_limit: z.string().optional(),
  profiles: z.array(z.string()).default([]),
})
const compose = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
})
export type Compose = z.infer<typeof compose>

export function composeText(): string {
  return readFileSync(join(deploy, 'compose.yml'), 'utf8')
}

/** As compose reads it, with anchors merged and variables filled in from what is given. */
export function readCompose(variables: Readonly<Record<string, string>>): Compose {
  return compose.parse(parse(interpolated(composeText(), variables), { merge: true }))
}

/** ${NAME}, ${NAME:-default} and ${NAME:?message}; $$ is a dollar. @throws Error where one without a default is not given */
function interpolated(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$\$|\$\{([A-Z_0-9]+)(?::([-?])([^}]*))?\}/g,
    (match, name?: string, kind?: string, rest?: string) => {
      if (match === '$$') return '$'
      const value = variables[name ?? '']
      if (value) return value
      if (kind === '-') return rest ?? ''
      throw new Error(`${name} is not set: ${rest}`)
    },
  )
}

export interface Manifest {
  readonly file: string
  readonly kind: string
  readonly apiVersion: string
  readonly content: unknown
}

/** Every document of deploy/kubernetes. */
export function readManifests(): Manifest[] {
  const folder = join(deploy, 'kubernetes')
  return readdirSync(folder)
    .filter(file => file.endsWith('.yaml'))
    .flatMap(file =>
      parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map(document => {
        const content: unknown = document.toJS()
        const { kind, apiVersion } = z.object({ kind: z.string(), apiVersion: z.string() }).parse(content)
        return { file, kind, apiVersion, content }
      }),
    )
}

const compiled = new Map<string, ValidateFunction>()

/** What a schema of deploy/fixtures finds wrong, by path. */
export function faults(schema: string, content: unknown): string[] {
  const validate = compiled.get(schema) ?? compile(schema)
  compiled.set(schema, validate)
  if (validate(content)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath}: ${message} ${JSON.stringify(params)}`,
  )
}

function compile(schema: string): ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, allowUnionTypes: true })
  return ajv.compile(JSON.parse(readFileSync(join(deploy, 'fixtures', schema), 'utf8')))
}
