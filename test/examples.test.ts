/** The examples of the docs are run as they stand, and print what they say; and every operator has one. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import * as state from '../state/index.ts'
import * as topology from '../topology/index.ts'
import * as testing from '../topology/testing/test-driver.ts'
import { documentedIn, type Signature } from './documented.ts'
import { examplesIn, promisedBy, type Tried, tryOut } from './examples.ts'
import { root } from './files.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const sources = [
  ...readdirSync(join(root, 'topology'))
    .filter(file => /(?<!\.test|\.test-d)\.ts$/.test(file))
    .map(file => `topology/${file}`),
  'topology/testing/test-driver.ts',
]
const pages = readdirSync(join(root, 'docs'))
  .filter(file => file.endsWith('.md'))
  .map(file => `docs/${file}`)
const examples = ['README.md', ...pages, ...sources].flatMap(file => examplesIn(file, read(file)))
/** What must not pass. */
const wrong = examplesIn(
  'wrong.md',
  [
    "```ts\nconst wrong: string = 1\nconsole.log('one')\n// → two\n```",
    "```ts\nthrow new Error('no')\n```",
  ].join('\n'),
)

describe('the examples of the docs', () => {
  let tried: Tried

  beforeAll(async () => {
    tried = await tryOut([...examples, ...wrong], {
      tickerwatch: Object.keys(topology),
      'tickerwatch/state': Object.keys(state).filter(name => !(name in topology)),
      'tickerwatch/testing': Object.keys(testing),
    })
  }, 120_000)

  it('compile', () => {
    expect(tried.complaints.filter(line => !line.startsWith('wrong.md'))).toEqual([])
    expect(tried.complaints).toEqual([expect.stringMatching(/^wrong.md:1.*TS2322/)])
  })

  it('are found wrong if they print something else, or throw', () => {
    expect(tried.printed.at(-2)).toEqual(['one'])
    expect(promisedBy(wrong[0]!)).toEqual(['two'])
    expect(tried.printed.at(-1)?.[0]).toMatch(/^threw Error: no/)
  })

  it.each(examples.map((example, i) => [example.at, i]))('%s prints what it says', (_, i) => {
    const example = examples[i]!
    expect(tried.printed[i]).toEqual(promisedBy(example))
    expect(promisedBy(example), 'it says nothing').not.toEqual([])
  })
})

/** What lacks an example: each documented signature needs its own, and each method one. */
function withoutExample(signatures: readonly Signature[]): string[] {
  const byName = new Map<string, Signature[]>()
  for (const each of signatures) byName.set(each.name, [...(byName.get(each.name) ?? []), each])
  return [...byName.values()].flatMap(overloads => {
    const documented = overloads.filter(({ comment }) => comment !== undefined)
    const lacking = (documented.length > 0 ? documented : overloads).filter(
      ({ comment }) => examplesIn('', comment ?? '').length === 0,
    )
    return lacking.map(({ name, line }) => `${name}, line ${line}`)
  })
}

/** The DSL: the builder, the classes that are built from one, and what windows and suppressions are written with. */
function operators(): readonly Signature[] {
  const files = sources.map(file => documentedIn(read(file)))
  const classes = files.flatMap(file => file.classes)
  /** Its own constructor says so, or that of a class it extends. */
  const isBuilt = (name: string | undefined): boolean => {
    const found = classes.find(each => each.name === name)
    return found !== undefined && (found.builtFrom === 'TopologyBuilder' || isBuilt(found.extends))
  }
  const handles = new Set(classes.map(({ name }) => name).filter(isBuilt)).add('TopologyBuilder')
  const isHandle = ({ of }: Signature): boolean => of !== undefined && handles.has(of)
  const methods = files.flatMap(file => file.signatures).filter(isHandle)
  const functions = ['topology/windows.ts', 'topology/suppressed.ts']
    .flatMap(file => documentedIn(read(file)).signatures)
    .filter(({ name, of }) => of === undefined && name in topology)
  return [...methods, ...functions]
}

describe('every operator', () => {
  it('has an example', () => expect(withoutExample(operators())).toEqual([]))

  it('is looked at, wherever its class has it from', () => {
    const names = operators().map(({ name }) => name)
    const some = ['StatelessOperators.filter', 'StreamJoins.outerJoin', 'KStream.toTable', 'KTable.suppress']
    expect(names).toEqual(
      expect.arrayContaining([...some, 'WindowedStream.collect', 'TopologyBuilder.table']),
    )
  })

  it('is found out if it has none', () => {
    const source = `
      export class Handle {
        constructor(builder: TopologyBuilder) {}
        /** Has none. */
        one(): void {}
        two(): void {}
        /** One documented overload has\n * \`\`\`ts\n * 1\n * \`\`\`\n */
        three(a: number): void
        /** and another has not. */
        three(a: string): void
        three(a: unknown): void {}
        /** For the machine. @internal */
        four(): void {}
        #five(): void {}
      }`
    expect(documentedIn(source).classes).toEqual([
      { name: 'Handle', extends: undefined, builtFrom: 'TopologyBuilder' },
    ])
    expect(withoutExample(documentedIn(source).signatures)).toEqual([
      'Handle.one, line 4',
      'Handle.two, line 6',
      'Handle.three, line 13',
    ])
  })
})
