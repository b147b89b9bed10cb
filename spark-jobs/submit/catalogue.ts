/** The jobs as a person looks at them: what each does, its script, and what that can be given. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { jobs } from './jobs.ts'

/** Written by parameters.py from the scripts themselves. */
const parametersFile = z.record(
  z.string(),
  z.object({
    description: z.string(),
    parameters: z.array(
      z.object({
        option: z.string(),
        help: z.string().nullable(),
        /** The script ends without it; `tickerwatch emr` may give it. */
        needed: z.boolean(),
        /** It has no value. */
        isSwitch: z.boolean(),
        default: z.string().nullable(),
        /** One of these is needed if this one is not given. */
        insteadOf: z.array(z.string()),
      }),
    ),
  }),
)

export type JobParameter = z.infer<typeof parametersFile>[string]['parameters'][number] & {
  /** What `tickerwatch emr` gives it, unless told otherwise; LAKE and CODE are those of the configuration. */
  readonly given: string | null
}

export interface CataloguedJob {
  readonly name: string
  readonly summary: string
  /** A file of spark-jobs. */
  readonly script: string
  readonly description: string
  readonly parameters: readonly JobParameter[]
  /** What of its output is a table in Glue. */
  readonly tables: readonly string[]
}

const folder = new URL('../', import.meta.url)

export async function catalogue(): Promise<readonly CataloguedJob[]> {
  const text = await readFile(new URL('generated/parameters.json', folder), 'utf8')
  const scripts = parametersFile.parse(JSON.parse(text))
  return jobs.map(({ name, summary, script, words, tables }) => {
    const { description = '', parameters = [] } = scripts[script] ?? {}
    const given = words('LAKE', 'CODE/')
    return {
      ...{ name, summary, script, description, tables: tables.map(table => table.name) },
      parameters: parameters.map(parameter => {
        const at = given.indexOf(parameter.option)
        return { ...parameter, given: at < 0 ? null : (given[at + 1] ?? null) }
      }),
    }
  })
}

/** Of a job's script; undefined if there is no such job. */
export async function sourceOf(job: string): Promise<string | undefined> {
  const entry = jobs.find(({ name }) => name === job)
  return entry && (await readFile(fileURLToPath(new URL(entry.script, folder)), 'utf8'))
}
