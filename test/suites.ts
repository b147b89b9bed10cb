import { type Outcome, runAirflow, runAws, runCheck, runParity, runPytest, runVitest } from './programs.ts'
import {
  chromium,
  git,
  java,
  maven,
  openssl,
  postgres,
  prometheus,
  python,
  type Requirement,
  recordings,
} from './requirements.ts'

export interface Suite {
  readonly name: string
  /** Part of the inner loop. */
  readonly quick?: true
  readonly needs: readonly Requirement[]
  readonly run: () => Promise<Outcome>
}

/** Tests run by vitest: the project of the same name, see vitest.config.ts. */
function vitest(name: string, ...needs: Requirement[]): Suite {
  return { name, needs, run: () => runVitest(name) }
}

/** In the order in which they run: the cheapest first. */
export const suites: readonly Suite[] = [
  { name: 'check', needs: [git], run: runCheck },
  { ...vitest('types'), quick: true },
  { ...vitest('unit'), quick: true },
  vitest('page', chromium),
  vitest('postgres', postgres, openssl),
  vitest('recordings', recordings),
  vitest('app'),
  vitest('broker', java, maven),
  vitest('prometheus', prometheus, java, maven),
  vitest('registry', java, maven),
  vitest('fault', java, maven),
  { name: 'aws', needs: [python, java, maven, postgres], run: runAws },
  { name: 'airflow', needs: [python, java, maven], run: runAirflow },
  { name: 'parity', needs: [python, recordings], run: runParity },
  { name: 'python', needs: [python, java], run: runPytest },
]
