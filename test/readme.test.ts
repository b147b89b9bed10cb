/** The README's example is run as it stands, and prints what the README says. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './files.ts'
import { ended, plainEnvironment } from './tickerwatch.ts'

test('the first topology of the README prints what it says', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
  const [, promised] = /prints `([^`]*)`/.exec(readme) ?? []
  // Within the project, where `tickerwatch` is its own name.
  await mkdir(join(root, '.tickerwatch'), { recursive: true })
  const directory = await mkdtemp(join(root, '.tickerwatch', 'readme-'))
  try {
    const file = join(directory, 'example.ts')
    await writeFile(file, code ?? '')
    const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: root, env: plainEnvironment() })
    expect(await ended(child)).toEqual({ code: 0, stdout: [promised], stderr: [] })
  } finally {
    await rm(directory, { recursive: true })
  }
})
