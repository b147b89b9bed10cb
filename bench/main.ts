/** The command line of `npm run bench`. */
import { Command, InvalidArgumentError } from 'commander'
import { type CompareOptions, compare } from './watch/compare.ts'

export async function main(words: readonly string[]): Promise<void> {
  const program = new Command('bench').description('compares the engine with Kafka Streams')
  program
    .command('watch')
    .description('the watch workload on both, in turn, every output record checked')
    .option('--runs <number>', 'of each side', positive, 3)
    .option('--records <number>', 'of the generated input, a multiple of 200', positive, 2_000_000)
    .option('--threads <number...>', 'stream threads', (text, before: number[] = []) => [
      ...before,
      positive(text),
    ])
    .option('--json', 'the last line is one object with ratios and runs', false)
    .option('--work <directory>', 'for what is built, generated and measured', '.tickerwatch/bench')
    .action(async ({ threads = [1], ...options }: CompareOptions) => compare({ ...options, threads }))
  await program.parseAsync([...words], { from: 'user' })
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('A whole number above 0.')
}
