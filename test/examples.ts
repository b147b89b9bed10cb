/**
 * Examples in the docs: found in doc comments and READMEs, type-checked, run, and compared with what they say they print.
 *
 * An example is TypeScript between code fences. A comment `// → text` says what it prints next. One without imports is
 * given those it needs, and an empty `builder`; one with imports stands for itself.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './files.ts'
import { ended, plainEnvironment } from './tickerwatch.ts'

export interface Example {
  /** Where it stands: `topology/table.ts:20`. */
  readonly at: string
  readonly code: string
}

/** What a run of examples found, in their order. */
export interface Tried {
  /** Lines that each printed. */
  readonly printed: readonly (readonly string[])[]
  /** What the compiler complains of. */
  readonly complaints: readonly string[]
}

const fence = /^([ \t]*(?:\* )?)```ts\n([\s\S]*?)^[ \t]*(?:\* )?```$/gm
const arrow = /^\s*\/\/ → (.*)$/gm

/** The examples of a Markdown file, or of a text with doc comments. `line` is that of the text's beginning. */
export function examplesIn(file: string, text: string, line = 1): Example[] {
  return [...text.matchAll(fence)].map(({ 1: margin = '', 2: body = '', index }) => ({
    at: `${file}:${line + text.slice(0, index).split('\n').length - 1}`,
    code: body
      .split('\n')
      // Blank lines of a comment have no blank after their star.
      .map(text => (text.startsWith(margin) ? text.slice(margin.length) : text.replace(/^\s*\*?$/, '')))
      .join('\n'),
  }))
}

/** The lines that an example says it prints. */
export function promisedBy({ code }: Example): readonly string[] {
  return [...code.matchAll(arrow)].map(([, text = '']) => text)
}

/**
 * Compiles the examples and runs them one after the other in one process.
 * @param modules what examples without imports may use: exported names by the module's specifier
 */
export async function tryOut(
  examples: readonly Example[],
  modules: Readonly<Record<string, readonly string[]>>,
): Promise<Tried> {
  // Within the project, where `tickerwatch` is its own name.
  await mkdir(join(root, '.tickerwatch'), { recursive: true })
  const directory = await mkdtemp(join(root, '.tickerwatch', 'examples-'))
  try {
    const files = await Promise.all(
      examples.map(async (example, i) => {
        const file = join(directory, `example-${i}.ts`)
        await writeFile(file, standing(example, modules))
        return file
      }),
    )
    await writeFile(
      join(directory, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        include: ['*.ts', '../../state/*.d.ts', '../../topology/log/kafka/*.d.ts'],
        exclude: [],
      }),
    )
    const [{ stdout: complaints }, run] = await Promise.all([
      ended(start('node_modules/typescript/bin/tsc', '-p', directory, '--pretty', 'false')),
      ended(start('--import', 'tsx', 'test/run-examples.ts', ...files)),
    ])
    const printed = run.stdout.map((line): string[] => JSON.parse(line))
    if (run.code !== 0 || printed.length !== examples.length)
      throw new Error(`the examples ended with ${run.code}: ${run.stderr.join('\n')}`)
    const place = /\.tickerwatch\/examples-\w+\/example-(\d+)\.ts\(\d+,\d+\)/g
    return {
      printed,
      complaints: complaints.map(line => line.replace(place, (_, i) => `${examples[Number(i)]?.at}`)),
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** An example as a module. */
function standing({ code }: Example, modules: Readonly<Record<string, readonly string[]>>): string {
  if (/^import /m.test(code)) return code
  const uses = (name: string): boolean => name === 'TopologyBuilder' || new RegExp(`\\b${name}\\b`).test(code)
  const imports = Object.entries(modules).flatMap(([module, names]) => {
    const used = names.filter(uses)
    return used.length === 0 ? [] : [`import { ${used.join(', ')} } from '${module}'`]
  })
  return [...imports, 'const builder = new TopologyBuilder()', code, 'export {}'].join('\n')
}

function start(...words: string[]) {
  return spawn(process.execPath, words, { cwd: root, env: plainEnvironment() })
}
