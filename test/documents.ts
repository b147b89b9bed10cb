/**
 * What documents say of commands and files, held against these: each line of a command in code, and each span of one in the text,
 * is parsed as the command line parses it; scripts of npm exist; relative links lead to a file and a heading.
 *
 * In a line, words in capitals, `…` and brackets stand for what the reader puts there. In the text a command may be named
 * without what it needs. What is fenced as `text` is no command.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { type Command, CommanderError } from 'commander'
import { program } from '../cli/main.ts'

export interface Mention {
  readonly line: number
  readonly text: string
  /** In a line of code, with all that it needs; not just named. */
  readonly whole: boolean
}

export interface Fault {
  readonly at: string
  readonly message: string
}

const fence = /^```(\w*)\n[\s\S]*?^```$/gm
const span = /`([^`]+)`/g
/** What runs here: by itself, after variables, or within a container. */
const invocation =
  /^\s*(?:\w+=\S+ )*((?:npx )?tickerwatch(?=\s|$).*|npm (?:run|start|test)\b.*|(?:docker|kubectl|node) .*(?=cli\/tickerwatch\.mjs)(.*))/

/** Commands that a Markdown text names. */
export function commandsIn(markdown: string): Mention[] {
  const lineOf = (index: number): number => markdown.slice(0, index).split('\n').length
  const found: Mention[] = []
  const blank = (text: string): string => text.replace(/[^\n]/g, ' ')
  const code = (text: string, first: number): void => {
    const lines = text.split('\n')
    for (let i = 0; i < lines.length; i++) {
      const line = first + i
      let whole = lines[i]!
      while (whole.trimEnd().endsWith('\\') && i + 1 < lines.length)
        whole = `${whole.trimEnd().slice(0, -1)} ${lines[++i]!.trim()}`
      const [, command, within] = invocation.exec(withoutComment(whole)) ?? []
      if (command !== undefined) found.push({ line, text: (within ?? command).trim(), whole: true })
    }
  }
  const withoutFences = markdown.replace(fence, (block, language, index) => {
    if (language === '' || language === 'sh')
      code(block.split('\n').slice(1, -1).join('\n'), lineOf(index) + 1)
    return blank(block)
  })
  // A paragraph that is indented by four is code, if a blank line is before it.
  const text = withoutFences.replace(
    /(?<=\n[ \t]*\n|^)(?: {4}.*(?:\n|$))+(?:(?:[ \t]*\n)+(?: {4}.*(?:\n|$))+)*/g,
    (block, index) => {
      code(block, lineOf(index))
      return blank(block)
    },
  )
  for (const { 1: inner = '', index } of text.matchAll(span)) {
    const command = inner.replace(/\s+/g, ' ')
    if (/^(?:npx )?tickerwatch(?= )|^npm (?:run|start|test)\b/.test(command))
      found.push({ line: lineOf(index), text: command, whole: false })
  }
  return found.sort((a, b) => a.line - b.line)
}

/** Up to what a shell takes for a comment, or for another command. */
function withoutComment(line: string): string {
  return line.replace(/(['"])(?:(?!\1).)*\1|(?:\s#.*$)|(?:\s(?:\||>|&&)\s.*$)/g, (part, quote) =>
    quote ? part : '',
  )
}

/** As a shell divides them. */
export function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) => word.replace(/['"]/g, ''))
}

const placeholder = /…|[A-Z]{2,}|^[A-Z]$|[[\]<>]/

/** What is wrong with a command; undefined if nothing. @param scripts of npm */
export async function faultOf(
  { text, whole }: Mention,
  scripts: ReadonlySet<string>,
): Promise<string | undefined> {
  const [first, second = '', ...others] = wordsOf(text)
  if (first === 'npm') {
    const script = second === 'run' ? (others[0] ?? '') : second
    if (placeholder.test(script)) return undefined
    if (!scripts.has(script)) return `package.json has no script ${script}`
    const words = others.slice(others.indexOf('--') + 1)
    if (!others.includes('--') || !['start', 'broker'].includes(script)) return undefined
    return await faultOfWords([script === 'start' ? 'run' : script, ...words], whole)
  }
  const all = wordsOf(text)
  const words = all.slice(1 + all.findIndex(word => /tickerwatch(\.mjs)?$/.test(word)))
  // `emr clean|train` is both.
  const [alternatives] = words.filter(word => /^[\w-]+(\|[\w-]+)+$/.test(word))
  for (const one of alternatives?.split('|') ?? ['']) {
    const fault = await faultOfWords(
      words.map(word => (word === alternatives ? one : word)),
      whole,
    )
    if (fault !== undefined) return fault
  }
  return undefined
}

async function faultOfWords(words: readonly string[], whole: boolean): Promise<string | undefined> {
  const [name = ''] = words.filter(word => !word.startsWith('-'))
  if (placeholder.test(name)) return undefined
  // `…` is the value of a flag, or whatever else there may be.
  const given = words
    .filter((word, i) => word !== '…' || words[i - 1]?.startsWith('--'))
    .map(word => word.replace(/^\[+|\]+$/g, ''))
  try {
    let command: Command = await program(given)
    let rest = given
    for (;;) {
      command.exitOverride().configureOutput({ writeErr: () => {} })
      const at = rest.findIndex(word => !word.startsWith('-'))
      const next = command.commands.find(each => each.name() === rest[at])
      if (next === undefined) break
      rest = rest.toSpliced(at, 1)
      command = next
    }
    if (command.commands.length > 0) {
      const unknown = rest.find(word => !word.startsWith('-') && !placeholder.test(word))
      if (unknown !== undefined) return `there is no command ${name === unknown ? '' : `${name} `}${unknown}`
      if (rest.some(word => ['--help', '--version'].includes(word)) || !whole) return undefined
    }
    return faultOfOptions(command, rest, whole)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function faultOfOptions(command: Command, words: readonly string[], whole: boolean): string | undefined {
  if (words.includes('--help')) return undefined
  try {
    const passedOn = words.indexOf('--')
    const { operands, unknown } = command.parseOptions([
      ...words.slice(0, passedOn < 0 ? words.length : passedOn),
    ])
    const flag = unknown.find(word => word.startsWith('-'))
    if (flag !== undefined) return `${command.name()} has no option ${flag}`
    const { registeredArguments: taken } = command
    if (operands.length > taken.length && !taken.at(-1)?.variadic) return `${operands.at(-1)} is one too many`
    const wrong = operands.find((word, i) => taken[i]?.argChoices?.includes(word) === false)
    if (wrong !== undefined && !placeholder.test(wrong)) return `${wrong} is none of ${taken[0]?.argChoices}`
    if (!whole) return undefined
    const lacking = taken.find((each, i) => each.required && operands[i] === undefined && passedOn < 0)
    if (lacking !== undefined && !words.some(word => placeholder.test(word)))
      return `${lacking.name()} is missing`
    const needed = command.options.find(
      each => each.mandatory && command.getOptionValue(each.attributeName()) === undefined,
    )
    return needed && `${needed.long} is missing`
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const excused =
      error.code === 'commander.optionMissingArgument' ? !whole : words.some(word => placeholder.test(word))
    return excused ? undefined : error.message.replace(/^error: /, '')
  }
}

const link = /\[[^\]]*\]\(([^)\s]+)\)/g

/** Relative links of a document that lead nowhere. @param file from `root` on */
export function deadLinks(root: string, file: string): Fault[] {
  const markdown = readFileSync(join(root, file), 'utf8')
  const prose = markdown.replace(fence, text => text.replace(/[^\n]/g, ' ')).replace(/^ {4}.*$/gm, '')
  return [...prose.matchAll(link)].flatMap(({ 1: target = '', index }): Fault[] => {
    if (/^[a-z]+:/.test(target)) return []
    const [path = '', anchor] = target.split('#')
    const at = `${file}:${prose.slice(0, index).split('\n').length}`
    const to = path === '' ? file : normalize(join(dirname(file), path))
    if (!existsSync(join(root, to))) return [{ at, message: `there is no ${to}` }]
    if (anchor === undefined || anchorsOf(readFileSync(join(root, to), 'utf8')).has(anchor)) return []
    return [{ at, message: `${to} has no heading #${anchor}` }]
  })
}

/** As GitHub names headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const counts = new Map<string, number>()
  return new Set(
    [...markdown.replace(fence, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
      const name = heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-')
      const before = counts.get(name) ?? 0
      counts.set(name, before + 1)
      return before === 0 ? name : `${name}-${before}`
    }),
  )
}
