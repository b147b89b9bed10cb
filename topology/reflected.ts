/**
 * Which part of its inputs a task's state reflects. A commit writes it with the changes, on the first record of each changelog
 * and into the checkpoint of the local database; under exactly-once the group's positions move in the same transaction, so
 * where a task begins can be compared with it.
 *
 * They do differ: a coordinator of Kafka 4.4 whose partition changed leaders while it loaded answers for a moment from a
 * part of it, with positions that may be minutes old (testing/faults/README.md); and a group that was idle for longer than
 * `offsets.retention.minutes` has none at all. Who began there would do once more what the state has in it already.
 */
import { z } from 'zod'
import { TickerError } from './errors.ts'
import { jsonIn } from './headers.ts'
import type { CommittedOffset, Headers } from './log/log.ts'

const HEADER = 'inputs'

/** By input topic: the offset of the next record, in the task's own partition. */
export type Reflected = Readonly<Record<string, number>>

export function reflectedBy(positions: readonly CommittedOffset[]): Reflected {
  return Object.fromEntries(positions.map(({ topic, position }) => [topic, position]))
}

/** For the first record of a commit. */
export function reflectedHeader(positions: readonly CommittedOffset[]): Headers[number] {
  return [HEADER, Buffer.from(JSON.stringify(reflectedBy(positions)), 'utf8')]
}

const reflected = z.record(z.string(), z.int().nonnegative())

/** Undefined on other records, and on those of versions that did not write it. @throws TickerError LOG_CORRUPT */
export function reflectedIn(headers: Headers): Reflected | undefined {
  const found = headers.find(([name]) => name === HEADER)
  return found && jsonIn(found[1], reflected, `the header ${HEADER} of a changelog`)
}

/** Topic by topic, the further one. */
export function further(one: Reflected, other: Reflected): Reflected {
  const ahead = Object.entries(other).filter(([topic, position]) => !(one[topic]! >= position))
  return { ...one, ...Object.fromEntries(ahead) }
}

/** @throws TickerError POSITIONS_LOST where the group is behind the state */
export function checkPositions(
  task: string,
  inputs: readonly { readonly topic: string; readonly partition: number }[],
  committed: readonly CommittedOffset[],
  reflected: Reflected,
): void {
  for (const { topic, partition } of inputs) {
    const reached = reflected[topic] ?? 0
    const position = committed.find(each => each.topic === topic)?.position ?? 0
    if (position >= reached) continue
    throw new TickerError(
      'POSITIONS_LOST',
      `the group begins at ${position} of ${topic}/${partition}, but the state of task ${task} reflects all before ${reached}`,
    )
  }
}
