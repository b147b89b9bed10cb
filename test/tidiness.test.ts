import { describe, expect, test } from 'vitest'
import { undescribed, untidiness } from './tidiness.ts'

const messages = (file: string, text: string) =>
  untidiness(file, Buffer.from(text)).map(({ line, message }) => `${line} ${message}`)

describe('tidiness', () => {
  test('lets ordinary code pass', () => {
    const text = `/** A window, see https://kafka.apache.org/documentation/. */\nexport const size = \`\${root}/work\`\n`
    expect(messages('topology/windows.ts', text)).toEqual([])
    expect(messages('x.test.ts', `describe.skipIf(reason)('real recordings', () => {})`)).toEqual([])
  })

  // The offending words are put together here, so that this file is tidy itself.
  test.each([
    ['something left undone', 'a.ts', `// ${'TO'}${'DO'}: later`],
    ['a skipped test', 'a.test.ts', `it.${'skip'}('x', () => {})`],
    ['a focused test', 'a.test.ts', `describe.${'only'}('x', () => {})`],
    ['a skipped Python test', 'spark-jobs/test_a.py', `@pytest.mark.${'skip'}(reason="x")`],
    ['a silenced type', 'a.ts', `const a = b as ${'any'}`],
    ['a type through unknown', 'a.ts', `const a = b as ${'unknown'} as string`],
    ['a silenced type error', 'a.ts', `// @ts-${'ignore'}`],
    ['a path of this machine', 'deploy/a.yml', `volume: /${'root'}/data`],
    ['a private registry', '.npmrc', `registry${'='}https://npm.example.org/`],
    [
      'a foreign package in the lock',
      'package-lock.json',
      `"resolved": "https://npm.${'example'}.org/a.tgz"`,
    ],
  ])('finds %s', (_what, file, text) => {
    expect(messages(file, `\n${text}\n`)).toEqual([expect.stringMatching(/^2 /)])
  })

  test('finds a file that is too long, unless a program wrote it', () => {
    const text = 'x\n'.repeat(501)
    expect(messages('topology/task.ts', text)).toEqual(['500 501 lines; at most 500'])
    expect(messages('topology/task.ts', text.slice(2))).toEqual([])
    expect(messages('schemas/generated/reading.ts', text)).toEqual([])
  })

  test('finds a drawer for everything', () => {
    for (const file of ['topology/utils.ts', 'common/a.ts', 'state/test-helpers.ts', 'lake/helpers/a.ts']) {
      expect(messages(file, ''), file).toHaveLength(file.includes('test-helpers') ? 0 : 1)
    }
  })

  test('finds a file of the size of data', () => {
    expect(untidiness('data/a.bin', Buffer.alloc(2 * 1024 * 1024 + 1))).toHaveLength(1)
  })

  test('finds a folder of code without a README', () => {
    expect(undescribed(['a/x.ts', 'b/y.py', 'b/README.md', 'c/data.csv']).map(({ file }) => file)).toEqual([
      'a/README.md',
    ])
  })
})
