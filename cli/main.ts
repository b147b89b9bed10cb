import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { commands } from './commands.ts'
import { reportError } from './report-error.ts'

/**
 * Runs the command line. Sets `process.exitCode` rather than exiting, so that output is flushed and a command may
 * keep the process alive.
 * @param words what follows the program's name
 */
export async function main(words: readonly string[]): Promise<void> {
  const debug = words.includes('--debug')
  const fail = (error: unknown) => {
    process.exitCode = reportError(error, { debug }, line => process.stderr.write(`${line}\n`))
  }
  // What escapes a command (a timer, an event handler) ends the process in the same words.
  process.on('uncaughtException', error => {
    fail(error)
    process.exit()
  })
  // A reader that has seen enough (`tickerwatch models list | head`) is no failure.
  process.stdout.on('error', error => {
    if ('code' in error && error.code === 'EPIPE') process.exit()
    throw error
  })
  try {
    await (await program(words)).parseAsync(words, { from: 'user' })
  } catch (error) {
    fail(error)
  }
}

/** The program with all commands by name and summary, and in full the one that `words` names. */
export async function program(words: readonly string[]): Promise<Command> {
  const root = new Command('tickerwatch')
    .description(
      'Stream processing with the semantics of Kafka Streams, and an activity classifier built on it.',
    )
    .version(version())
    .option('--debug', 'print stack traces')
    .exitOverride()
    .showHelpAfterError('Run with --help for what it takes.')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '')) })
  const name = words.find(word => !word.startsWith('-'))
  // `help models` is `models --help`.
  const wanted = name === 'help' ? words[words.indexOf('help') + 1] : name
  for (const entry of commands) {
    const command = root
      .command(entry.name)
      .summary(entry.summary)
      .description(`${capitalised(entry.summary)}.`)
    if (entry.name === wanted) (await entry.load()).define(command)
  }
  return root
}

function version(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return version
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
