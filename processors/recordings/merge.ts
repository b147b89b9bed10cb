import type { RecordingEvent } from './event.ts'

const CHUNK = 1000

/**
 * Merges sources (each in its own order) by the event time of their heads, ties by the sources' order. What has no
 * time of its own, a malformed row or an end, keeps its place behind the reading before it.
 *
 * The least head is found by looking at all of them: with the few sources there can be, a heap gains nothing.
 */
export async function* mergeByTime(
  sources: readonly AsyncGenerator<readonly RecordingEvent[]>[],
): AsyncGenerator<readonly RecordingEvent[]> {
  const pending: (readonly RecordingEvent[])[] = sources.map(() => [])
  const position = new Int32Array(sources.length)
  /** The event time of each source's next event; infinite when it has none any more. */
  const head = new Float64Array(sources.length).fill(Number.NEGATIVE_INFINITY)

  const advance = async (source: number): Promise<void> => {
    let events = pending[source]!
    while (position[source]! >= events.length) {
      const next = await sources[source]!.next()
      if (next.done) {
        head[source] = Number.POSITIVE_INFINITY
        return
      }
      pending[source] = events = next.value
      position[source] = 0
    }
    const event = events[position[source]!]!
    if (event.kind === 'reading') head[source] = event.reading.stamp
  }

  try {
    for (let source = 0; source < sources.length; source++) await advance(source)
    let chunk: RecordingEvent[] = []
    for (;;) {
      let least = 0
      for (let source = 1; source < head.length; source++) if (head[source]! < head[least]!) least = source
      if (!(head[least]! < Number.POSITIVE_INFINITY)) break
      const events = pending[least]!
      chunk.push(events[position[least]!++]!)
      const event = events[position[least]!]
      if (event === undefined) await advance(least)
      else if (event.kind === 'reading') head[least] = event.reading.stamp
      if (chunk.length === CHUNK) {
        yield chunk
        chunk = []
      }
    }
    if (chunk.length > 0) yield chunk
  } finally {
    for (const source of sources) await source.return(undefined)
  }
}
