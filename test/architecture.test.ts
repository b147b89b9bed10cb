import { describe, expect, test } from 'vitest'
import { unplacedFolders, violations } from './architecture.ts'

const messages = (file: string, source: string) =>
  violations(file, source).map(({ line, message }) => `${line} ${message}`)

describe('arrows', () => {
  test('let a layer use the layers below it, itself and packages', () => {
    const source = `import { x } from '../topology/index.ts'\nimport type { y } from './sinks/y.ts'\nimport { z } from 'zod'\n`
    expect(messages('processors/activity-topology.ts', source)).toEqual([])
  })

  test('do not mind imports in code that a program writes', () => {
    expect(
      messages('schemas/generate.ts', "const text = `\nimport { x } from '../topology/x.ts'\n`"),
    ).toEqual([])
  })

  test.each([
    ['an import', `import { train } from '../processors/models/train.ts'`],
    ['an import of types', `import type { Train } from '../processors/models/train.ts'`],
    ['an import over several lines', `import {\n  train,\n} from '../processors/models/train.ts'`],
    ['an import for its effect', `import '../processors/models/train.ts'`],
    ['a re-export', `export { train } from '../processors/models/train.ts'`],
    ['a dynamic import', `const { train } = await import('../processors/models/train.ts')`],
    ['a type import in place', `type Train = import('../processors/models/train.ts').Train`],
    ['a worker thread', `new Worker(new URL('../processors/models/train.ts', import.meta.url))`],
  ])('forbid %s of a layer above', (_form, source) => {
    expect(messages('topology/task.ts', source)).toEqual([
      `${source.slice(0, source.indexOf('../')).split('\n').length} imports ../processors/models/train.ts: topology may import only state, schemas`,
    ])
  })

  test('forbid schemas to import anything of ours', () => {
    expect(messages('schemas/registry.ts', `import { string } from '../topology/serde.ts'`)).toEqual([
      '1 imports ../topology/serde.ts: schemas may import no other folder',
    ])
  })

  test('do not mind addresses of data', () => {
    expect(messages('processors/a.ts', `const root = new URL('../', import.meta.url)`)).toEqual([])
    expect(messages('schemas/a.ts', `new URL('../test/a.json', import.meta.url)`)).toEqual([])
  })

  test('keep libraries behind their port', () => {
    const kafka = `import { Kafka } from 'kafkajs'`
    expect(messages('topology/log/kafka/connect.ts', kafka)).toEqual([])
    expect(messages('topology/node.ts', kafka)).toHaveLength(1)
    expect(messages('cli/run.ts', kafka)).toHaveLength(1)
    expect(messages('topology/node.ts', `import fastify from 'fastify'`)).toHaveLength(1)
  })

  test('let tests use the tools of tests, and nothing else', () => {
    expect(
      messages('topology/log/kafka/log.broker.test.ts', `import { b } from '../../../test/broker.ts'`),
    ).toEqual([])
    expect(messages('topology/task.test.ts', `import { b } from '../processors/b.ts'`)).toHaveLength(1)
  })

  test('name a folder of code that has no place yet', () => {
    expect(
      unplacedFolders(['topology/a.ts', 'plugins/b.ts', 'docs/c.md', 'test/d.ts', 'vitest.config.ts']),
    ).toEqual(['plugins'])
  })
})
