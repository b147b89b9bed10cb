/** Airflow for tests: its own home in a temporary directory, with SQLite, and one run of a DAG at a time, by `dags test`. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'

const run = promisify(execFile)
const OUTPUT = 64 << 20

/** Why there is no Airflow here; undefined if there is. */
export function airflowUnavailable(): string | undefined {
  return process.env.TICKERWATCH_AIRFLOW ? undefined : 'TICKERWATCH_AIRFLOW does not name an airflow'
}

export interface DagRun {
  readonly state: string
  /** Of each task: success, failed, skipped, … */
  readonly tasks: Readonly<Record<string, string>>
  /** What each task returned. */
  readonly returned: Readonly<Record<string, unknown>>
  /** All that was logged. */
  readonly log: string
}

export interface TestAirflow {
  /** Errors of import by file, and the ids of the DAGs. */
  readonly dags: { readonly errors: Readonly<Record<string, string>>; readonly ids: readonly string[] }
  /** Runs a DAG to its end. @param conf its parameters @param extra environment */
  test(dag: string, conf: object, extra: NodeJS.ProcessEnv): Promise<DagRun>
  remove(): Promise<void>
}

const lastRun = `
import json, os, sqlite3
db = sqlite3.connect(os.environ["AIRFLOW_HOME"] + "/airflow.db")
run, state = db.execute("select run_id, state from dag_run order by id desc limit 1").fetchone()
tasks = dict(db.execute("select task_id, state from task_instance where run_id = ?", [run]))
returned = {k: json.loads(v) for k, v in db.execute("select task_id, value from xcom where run_id = ? and key = 'return_value'", [run])}
print(json.dumps({"state": state, "tasks": tasks, "returned": returned}))
`
const runSchema = z.object({
  state: z.string(),
  tasks: z.record(z.string(), z.string()),
  returned: z.record(z.string(), z.unknown()),
})
const bag = `
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print("\\n" + json.dumps({"errors": bag.import_errors, "ids": sorted(bag.dags)}))
`
const bagSchema = z.object({ errors: z.record(z.string(), z.string()), ids: z.array(z.string()) })

export async function startAirflow(environment: NodeJS.ProcessEnv): Promise<TestAirflow> {
  const home = await mkdtemp(join(tmpdir(), 'tickerwatch-airflow-'))
  const airflow = process.env.TICKERWATCH_AIRFLOW ?? 'airflow'
  const python = join(dirname(airflow), 'python')
  const folder = fileURLToPath(new URL('../dags', import.meta.url))
  const env = {
    ...environment,
    PYTHONDONTWRITEBYTECODE: '1',
    AIRFLOW_HOME: home,
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `sqlite:///${home}/airflow.db`,
    AIRFLOW__CORE__DAGS_FOLDER: folder,
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY: '1',
  }
  const options = { env, maxBuffer: OUTPUT }
  try {
    await run(airflow, ['db', 'migrate'], options)
    const { stdout } = await run(python, ['-c', bag, folder], options)
    return {
      dags: bagSchema.parse(JSON.parse(lastLine(stdout))),
      async test(dag, conf, extra) {
        const ended = run(airflow, ['dags', 'test', dag, '--conf', JSON.stringify(conf)], {
          ...options,
          env: { ...env, ...extra },
        })
        // A run that fails may end the program with an error; what became of it is in the database.
        const { stdout, stderr } = await ended.catch(({ stdout, stderr }) => ({ stdout, stderr }))
        const found = await run(python, ['-c', lastRun], options)
        return { ...runSchema.parse(JSON.parse(lastLine(found.stdout))), log: `${stdout}\n${stderr}` }
      },
      remove: () => rm(home, { recursive: true, force: true }),
    }
  } catch (error) {
    await rm(home, { recursive: true, force: true })
    throw error
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
