/**
 * Writes `generated/` from the .avsc files beside it: `npx tsx schemas/generate.ts`. A test compares the two, so that
 * neither changes alone.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { recordSchema } from './avro/decoder.ts'
import { decoderSource } from './avro/decoder-source.ts'
import { encoderSource } from './avro/encoder-source.ts'
import { fingerprint, unqualified } from './avro/schema.ts'
import { quoted, typeDeclarations } from './avro/type-source.ts'

/** The application's own schemas, and those of the benchmark's workload. */
export const DIRECTORIES = [import.meta.dirname, join(import.meta.dirname, '../bench/watch/schemas')]

/** File name → contents, for every .avsc file of the directory. */
export function generate(directory: string): ReadonlyMap<string, string> {
  const sources = readdirSync(directory)
    .filter(name => name.endsWith('.avsc'))
    .sort()
  const avro = relative(join(directory, 'generated'), join(import.meta.dirname, 'avro'))
  return new Map(
    sources.map(name => [
      name.replace(/\.avsc$/, '.ts'),
      source(name, readFileSync(join(directory, name), 'utf8'), avro.replaceAll('\\', '/')),
    ]),
  )
}

/** `avro`: where its imports are, from the generated file. */
function source(file: string, text: string, avro: string): string {
  const json: unknown = JSON.parse(text)
  const schema = recordSchema(json)
  const name = unqualified(schema.name)
  const decoder = decoderSource(schema, schema, { typed: true })
  const encoder = encoderSource(schema)
  return `// Generated from ../${file} by schemas/generate.ts: do not edit.
import { input } from '${avro}/input.ts'
import { output } from '${avro}/output.ts'
import type { AvroType } from '${avro}/type.ts'

${typeDeclarations(schema)}

export const ${name}: AvroType<${name}> = {
  name: ${quoted(schema.name)},
  schema: ${JSON.stringify(json)},
  fingerprint: ${quoted(fingerprint(schema))},
  encode(value, headroom = 0) {
    output.begin(headroom)
    ${encoder.entry}(value, ${quoted(name)})
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = ${decoder.entry}()
    input.finish()
    return value
  },
}

${decoder.text}

${encoder.text}
`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const directory of DIRECTORIES) {
    const generated = join(directory, 'generated')
    rmSync(generated, { recursive: true, force: true })
    mkdirSync(generated)
    for (const [name, contents] of generate(directory)) writeFileSync(join(generated, name), contents)
  }
}
