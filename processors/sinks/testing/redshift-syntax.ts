/** Whether statements are Redshift's SQL, as sqlglot knows it: `redshift_syntax.py`. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** By statement, why it is none; null where it is one. sqlglot is in the environment that moto is in. */
export function objections(statements: readonly string[]): (string | null)[] {
  const python = join(dirname(process.env.TICKERWATCH_MOTO ?? ''), 'python')
  const program = fileURLToPath(new URL('redshift_syntax.py', import.meta.url))
  const input = JSON.stringify(statements)
  return JSON.parse(
    execFileSync(python, [program], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] }),
  )
}

export function statementsOf(file: URL): string[] {
  return readFileSync(file, 'utf8')
    .replaceAll(/^--.*\n/gm, '')
    .split(/;\n\s*/)
    .filter(statement => statement.trim() !== '')
}
