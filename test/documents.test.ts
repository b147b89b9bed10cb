/** Commands and links of all documents; and that one that is wrong is found. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { commandsIn, deadLinks, faultOf, wordsOf } from './documents.ts'
import { projectFiles, root } from './files.ts'

const documents = projectFiles().filter(file => file.endsWith('.md'))
const manifest: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const scripts = new Set(Object.keys(manifest.scripts))

describe('documents', () => {
  it.each(documents)('%s names commands and files that there are', async file => {
    const faults = await Promise.all(
      commandsIn(readFileSync(join(root, file), 'utf8')).map(async mention => {
        const fault = await faultOf(mention, scripts)
        return fault === undefined ? [] : [`${file}:${mention.line} ${mention.text}: ${fault}`]
      }),
    )
    expect(faults.flat()).toEqual([])
    expect(deadLinks(root, file)).toEqual([])
  })
})

const text = `# Title

Say \`npx tickerwatch models promote NAME@VERSION\` or \`tickerwatch
doctor --brokers\`.

    npx tickerwatch run --brokers a:1 \\
      --threads 2   # more
    A=b tickerwatch topics --brokers a:1 | head
    SELECT 1

\`\`\`sh
npm run broker -- start
\`\`\`

\`\`\`text
tickerwatch nothing
\`\`\`
`

test('commands are found in code and in the text', () => {
  expect(commandsIn(text)).toEqual([
    { line: 3, text: 'npx tickerwatch models promote NAME@VERSION', whole: false },
    { line: 3, text: 'tickerwatch doctor --brokers', whole: false },
    { line: 6, text: 'npx tickerwatch run --brokers a:1  --threads 2', whole: true },
    { line: 8, text: 'tickerwatch topics --brokers a:1', whole: true },
    { line: 12, text: 'npm run broker -- start', whole: true },
  ])
  expect(wordsOf(`a --b='c d' "e f"`)).toEqual(['a', '--b=c d', 'e f'])
})

const check = (text: string, whole = true): Promise<string | undefined> =>
  faultOf({ line: 1, text, whole }, scripts)

test.each([
  ['npx tickerwatch run --broker localhost:9092', /run has no option --broker$/],
  ['npx tickerwatch models publish', /file is missing/],
  ['npx tickerwatch models promote watch@2.0.0', /--reason is missing/],
  ['npx tickerwatch models undo', /there is no command models undo/],
  ['npx tickerwatch restart', /there is no command restart/],
  ['npx tickerwatch doctor now', /now is one too many/],
  ['npx tickerwatch run --threads', /argument missing/],
  ['npm run brokers -- start', /no script brokers/],
  ['npm run broker -- begin', /no command broker begin/],
  ['npm start -- --device 3', /run has no option --device$/],
])('%s is found wrong', async (command, message) => {
  expect(await check(command)).toMatch(message)
})

test.each([
  'npx tickerwatch models promote watch@2.0.0 --reason "better"',
  'npx tickerwatch run --brokers … --sql redshift://HOST/dev',
  'npx tickerwatch emr clean -- --recordings s3://LAKE',
  'npm run faults -- [--minutes M]',
  'tickerwatch --help',
])('%s is right', async command => {
  expect(await check(command)).toBeUndefined()
})

test('in the text a command may lack what it needs', async () => {
  expect(await check('tickerwatch models', false)).toBeUndefined()
  expect(await check('tickerwatch run --advertise', false)).toBeUndefined()
  expect(await check('tickerwatch emr clean|train', false)).toBeUndefined()
  expect(await check('tickerwatch models list|undo', false)).toMatch(/no command models undo/)
})
