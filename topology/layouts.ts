/**
 * Layouts: what the bytes of a store mean, by name. A store has the layout it writes, and before it those that it still
 * reads, the oldest first; each of its values says by number which it has (state/timestamped.ts). The list is kept with
 * the local state, and on the first record that each commit writes to the changelog: compaction keeps that record of
 * the last commit, so whoever reads a changelog learns what its newest writer knew.
 *
 * A list that continues ours was written by a newer version of the application. One that is the beginning of ours, or
 * ours, can be read; what is read is rewritten when it changes. Anything else is incompatible.
 */
import { z } from 'zod'
import { TickerError } from './errors.ts'
import { jsonIn } from './headers.ts'
import type { Headers } from './log/log.ts'
import type { TaskStateStore } from './operators/context.ts'

const HEADER = 'layouts'

/** The oldest first, the one written last. */
export function layoutsOf(store: TaskStateStore): readonly string[] {
  return [...(store.previousLayouts ?? []), store.layout]
}

/** For the first record of a commit. */
export function layoutHeaders(store: TaskStateStore): Headers {
  return [[HEADER, Buffer.from(JSON.stringify(layoutsOf(store)), 'utf8')]]
}

const layouts = z.array(z.string())

/** @throws TickerError STATE_TOO_NEW, STATE_INCOMPATIBLE, LOG_CORRUPT */
export function checkHeader(store: TaskStateStore, headers: Headers, task: string): void {
  const found = headers.find(([name]) => name === HEADER)
  if (found === undefined) return
  checkLayouts(
    store,
    jsonIn(found[1], layouts, `the header ${HEADER} of the changelog of ${store.name}`),
    task,
  )
}

/** @throws TickerError STATE_TOO_NEW, STATE_INCOMPATIBLE */
export function checkLayouts(store: TaskStateStore, written: readonly string[], task: string): void {
  const known = layoutsOf(store)
  if (written.every((layout, i) => layout === known[i])) return
  const isNewer = known.every((layout, i) => layout === written[i])
  const what = `store ${store.name} of task ${task} was written as ${written.at(-1)}`
  throw new TickerError(
    isNewer ? 'STATE_TOO_NEW' : 'STATE_INCOMPATIBLE',
    `${what}; this version of the application reads ${known.join(', ')}`,
  )
}
