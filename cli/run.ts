/** `tickerwatch run`, which is also `npm start`: the whole classifier in one process. */
import type { Command } from 'commander'
import { configure, type Given } from './configuration/configure.ts'
import { settingNames } from './configuration/settings.ts'
import type { RunOptions } from './run/options.ts'

export function define(command: Command): void {
  configure(command, { names: settingNames, check: mistakesTogether }).action(async (options: RunOptions) => {
    const { run } = await import('./run/run.ts')
    await run(options)
  })
}

function mistakesTogether(options: RunOptions, given: Given): string[] {
  const { threads, standbyReplicas, sql } = options
  const belongsTo = (name: string | undefined, other: '--archive' | '--brokers' | '--recordings') =>
    name === undefined ? [] : [`${name} belongs to ${other}.`]
  const mistakes: string[] = []
  // Threads have no memory in common, and so no log in memory; other nodes have even less.
  if (given('brokers') === undefined) {
    if (threads > 1) mistakes.push(...belongsTo(given('threads'), '--brokers'))
    if (standbyReplicas > 0) mistakes.push(...belongsTo(given('standbyReplicas'), '--brokers'))
    mistakes.push(...belongsTo(given('replicationFactor'), '--brokers'))
    mistakes.push(...belongsTo(given('advertise'), '--brokers'))
  }
  if (threads > 1 && given('advertise') !== undefined)
    mistakes.push(
      `${given('advertise')} does not go with ${given('threads')}: stores of threads cannot be read.`,
    )
  const redshift = sql?.startsWith('redshift:') ?? false
  if (redshift && given('s3') === undefined)
    mistakes.push(`${given('sql')} redshift://… needs --s3 s3://bucket/prefix: it takes rows from there.`)
  if (!redshift && given('s3') !== undefined) mistakes.push(`${given('s3')} belongs to --sql redshift://….`)
  if (given('archive') === undefined)
    for (const name of [given('archiveEvery'), given('archiveDatabase')])
      mistakes.push(...belongsTo(name, '--archive'))
  if (given('recordings') === undefined) {
    mistakes.push(...belongsTo(given('speed'), '--recordings'))
    mistakes.push(...belongsTo(given('timezone'), '--recordings'))
  } else if (given('rate') !== undefined) {
    mistakes.push(`${given('rate')} is of generated readings; recordings have --speed.`)
  }
  const tokens = [options.viewerTokens, options.annotatorTokens, options.operatorTokens].flat()
  if (new Set(tokens.map(({ token }) => token)).size < tokens.length)
    mistakes.push('a token is given twice: each is of one person and one role.')
  return mistakes
}
