import { dirname, join } from 'node:path/posix'
import { parseAst } from 'vitest/node'

/** What each top-level folder may import of the others; see DESIGN: arrows point one way. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  state: ['schemas'],
  topology: ['state', 'schemas'],
  lake: ['topology', 'state', 'schemas'],
  processors: ['lake', 'topology', 'state', 'schemas'],
  'spark-jobs': ['lake', 'topology', 'state', 'schemas'],
  service: ['processors', 'lake', 'spark-jobs', 'topology', 'state', 'schemas'],
  cli: ['service', 'processors', 'lake', 'spark-jobs', 'topology', 'state', 'schemas'],
}

/** Folders that import what they like: they test, measure and install the rest. */
const free = new Set(['test', 'bench', 'deploy'])

/** Parts of a folder that only some of its users may see. */
const walls: readonly { part: string; reason: string; seenBy: (importer: string) => boolean }[] = [
  {
    part: 'schemas/generated/',
    reason: 'the engine knows nothing of watches',
    seenBy: importer => !importer.startsWith('topology/') && !importer.startsWith('state/'),
  },
]

/** Packages that only one place may import, because everything else goes through a port of ours. */
const packages: readonly { name: RegExp; reason: string; seenBy: (importer: string) => boolean }[] = [
  {
    name: /^kafkajs/,
    reason: 'kafkajs stays behind the log port',
    seenBy: importer => importer.startsWith('topology/log/kafka/'),
  },
  {
    name: /^rocksdb$/,
    reason: 'RocksDB stays behind the state backend',
    seenBy: importer => importer.startsWith('state/'),
  },
  {
    name: /^(@aws-sdk\/|@fastify\/|fastify$|onnxruntime|pg$|@electric-sql\/|commander$)/,
    reason: 'the engine knows nothing of models, SQL, AWS, HTTP or the command line',
    seenBy: importer => !/^(topology|state|schemas)\//.test(importer),
  },
]

export interface Violation {
  readonly file: string
  readonly line: number
  readonly message: string
}

/**
 * The imports of a TypeScript or JavaScript file that point the wrong way.
 * @param file path relative to the root, with forward slashes
 */
export function violations(file: string, source: string): Violation[] {
  const folder = topFolder(file)
  const isTest = /\.test(-d)?\.ts$/.test(file)
  const found: Violation[] = []
  for (const { specifier, line } of imports(file, source)) {
    const complain = (message: string) =>
      found.push({ file, line, message: `imports ${specifier}: ${message}` })
    if (!specifier.startsWith('.')) {
      if (isTest || free.has(folder)) continue
      for (const rule of packages) if (rule.name.test(specifier) && !rule.seenBy(file)) complain(rule.reason)
      continue
    }
    const target = join(dirname(file), specifier)
    const targetFolder = topFolder(target)
    // Tests may use the tools of tests.
    if (free.has(folder) || targetFolder === folder || (isTest && targetFolder === 'test')) continue
    const allowed = arrows[folder]
    if (targetFolder === '' || !allowed) continue
    if (!allowed.includes(targetFolder)) {
      complain(
        `${folder} may import ${allowed.length === 0 ? 'no other folder' : `only ${allowed.join(', ')}`}`,
      )
    }
    if (isTest) continue
    for (const wall of walls) if (target.startsWith(wall.part) && !wall.seenBy(file)) complain(wall.reason)
  }
  return found
}

/** Folders of code that have no place in the picture. */
export function unplacedFolders(files: readonly string[]): string[] {
  const folders = new Set(files.filter(file => /\.(ts|mjs|js)$/.test(file)).map(topFolder))
  return [...folders].filter(folder => folder !== '' && !free.has(folder) && !arrows[folder])
}

function topFolder(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : ''
}

/**
 * Static and dynamic imports, of types too, re-exports, and code named by `new URL('./….ts', import.meta.url)`, which is
 * how a worker thread is given it. Parsed, because generators of code hold imports in their templates.
 */
function imports(file: string, source: string): { specifier: string; line: number }[] {
  const found: { specifier: string; line: number }[] = []
  const visit = (node: unknown) => {
    if (Array.isArray(node)) node.forEach(visit)
    if (!isNode(node)) return
    const named = moduleNamedBy(node)
    if (isNode(named) && typeof named.value === 'string') {
      found.push({ specifier: named.value, line: source.slice(0, Number(named.start)).split('\n').length })
    }
    Object.values(node).forEach(visit)
  }
  visit(parseAst(source, { lang: file.endsWith('ts') ? 'ts' : 'js' }))
  return found
}

/** The literal in which a node of the syntax tree (ESTree) names another module. */
function moduleNamedBy(node: SyntaxNode): unknown {
  if (/^(Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$|^TSImportType$/.test(node.type))
    return node.source
  const { callee, arguments: values } = node
  if (!isNode(callee) || !Array.isArray(values)) return undefined
  if (node.type === 'CallExpression' && callee.name === 'require') return values[0]
  const [literal, base] = values
  const isCode = isNode(literal) && /\.(ts|mjs|js)$/.test(String(literal.value))
  return node.type === 'NewExpression' && callee.name === 'URL' && base && isCode ? literal : undefined
}

type SyntaxNode = Readonly<Record<string, unknown>> & { readonly type: string }

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
