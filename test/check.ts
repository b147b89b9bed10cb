import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unplacedFolders, type Violation, violations } from './architecture.ts'
import { projectFiles, root } from './files.ts'
import { foreignLicences } from './licences.ts'
import type { Outcome } from './programs.ts'
import { undescribed, untidiness } from './tidiness.ts'

/** Each check prints what it finds and says whether it passed. */
const checks: readonly { name: string; run: () => boolean }[] = [
  {
    name: 'lint and format',
    run: () => tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
  },
  { name: 'types', run: () => tool('typescript/bin/tsc', '--noEmit', '-p', '.') },
  { name: 'arrows', run: () => report(arrows()) },
  { name: 'tidiness', run: () => report(tidiness()) },
  { name: 'licences', run: () => report(licences()) },
]

/** Runs the JavaScript of an installed package. */
function tool(script: string, ...words: string[]): boolean {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...words], {
    cwd: root,
    stdio: 'inherit',
  })
  return status === 0
}

function arrows(): Violation[] {
  const files = projectFiles().filter(file => /\.(ts|mjs|js)$/.test(file))
  const unplaced = unplacedFolders(files).map(folder => ({
    file: folder,
    line: 1,
    message: 'has no place in the picture of arrows: add it to test/architecture.ts',
  }))
  return [...unplaced, ...files.flatMap(file => violations(file, readFileSync(join(root, file), 'utf8')))]
}

function tidiness(): Violation[] {
  const files = projectFiles()
  return [...undescribed(files), ...files.flatMap(file => untidiness(file, readFileSync(join(root, file))))]
}

function licences(): Violation[] {
  return foreignLicences(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
}

function report(found: readonly Violation[]): boolean {
  for (const { file, line, message } of found) console.log(`${file}:${line}: ${message}`)
  return found.length === 0
}

const failures = checks.filter(({ name, run }) => {
  const passed = run()
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name}`)
  return !passed
})
const outcome: Outcome = {
  passed: checks.length - failures.length,
  failed: failures.map(({ name }) => name),
  skipped: [],
}
const file = process.env.TICKERWATCH_TEST_REPORT
if (file) writeFileSync(file, JSON.stringify(outcome))
process.exitCode = failures.length === 0 ? 0 : 1
