/**
 * From the sending of the reading that closes a window to the read_committed delivery of its prediction: the watch workload in a
 * process of its own, exactly-once, under load from another process at a steady rate, whatever comes back (open loop, so that
 * what waits is counted). Its limit is the log alone: from sending a slice of readings to their delivery.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Log, RecordCursor } from '../../topology/index.ts'
import { startTemporaryBroker } from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { benchmark, expectEqual, type Figure } from '../benchmark.ts'
import { TellingProgram } from '../events.ts'
import { peerSource } from '../watch/data-set.ts'
import { generate, inputRecords } from '../watch/input.ts'
import { decoderOf } from '../watch/recomputation.ts'
import { topics } from '../watch/topology.ts'
import { monotonic, SLICE, sliceSize } from './slices.ts'

const PARTITIONS = 4
/** Of each device, in a second. */
const PER_DEVICE = 50
const [WINDOW, ADVANCE, GRACE] = [5000, 2500, 1000]
const COMMIT_INTERVAL = 100
/** Milliseconds to wait for predictions once all is sent. */
const PATIENCE = 60_000
const schemas = join(import.meta.dirname, '../watch/schemas')
const ALONE = 'log-alone'

export const latency = benchmark({
  name: 'latency',
  summary: 'from the reading that closes a window to its prediction, at three rates',
  sizes: {
    rate: { of: 50_000, what: 'readings a second; also a fifth and a fiftieth of it' },
    seconds: { of: 60, what: 'of load at each rate' },
    warmup: { of: 10, what: 'seconds of it that are not counted' },
  },
  async run(size, signal) {
    const figures: Figure[] = []
    for (const rate of [size('rate') / 50, size('rate') / 5, size('rate')]) {
      figures.push(...(await measure({ rate, seconds: size('seconds'), warmup: size('warmup'), signal })))
    }
    return figures
  },
})

interface Load {
  readonly rate: number
  readonly seconds: number
  readonly warmup: number
  readonly signal: AbortSignal
}

async function measure(load: Load): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-latency-'))
  const broker = await startTemporaryBroker()
  const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'bench' })
  try {
    const names = [ALONE, ...Object.values(topics)]
    await log.admin.createTopics(
      names.map(topic => ({ topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } })),
    )
    const input = join(directory, 'input.bin')
    const { rate, seconds, signal } = load
    const devices = Math.max(1, Math.round(rate / PER_DEVICE))
    await generate(input, { records: devices * PER_DEVICE * seconds, devices, signal })
    const place = { log, brokers: broker.brokers, directory, input }
    const alone = await throughTheLog(place, load)
    const { took, behind } = await throughTheEngine(place, load)
    return figuresOf(load, took, alone, behind)
  } finally {
    await log.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Place {
  readonly log: Log
  readonly brokers: string
  readonly directory: string
  readonly input: string
}

/** Sends all, while `receive` is called again and again until all is sent and it says that it has all. */
async function underLoad(
  { brokers, directory, input }: Place,
  { rate, signal }: Load,
  topic: string,
  receive: () => Promise<boolean>,
): Promise<{ readonly sent: Float64Array; readonly behind: number }> {
  const times = join(directory, 'sent')
  const program = ['--import', 'tsx', join(import.meta.dirname, 'load.ts')]
  const words = [...program, brokers, topic, input, String(rate), times]
  const sender = new TellingProgram(process.execPath, words, { signal })
  try {
    let end: number | undefined
    const ended = sender.event('END').then(({ detail }) => {
      end = monotonic()
      return Number(detail[0])
    })
    ended.catch(() => {}) // it is waited for below
    for (let complete = false; !complete || end === undefined; complete = await receive()) {
      signal.throwIfAborted()
      if (end !== undefined && monotonic() > end + PATIENCE) throw new Error('predictions are missing')
      if (complete) await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 100))])
    }
    const bytes = readFileSync(times)
    return {
      sent: new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      behind: await ended,
    }
  } finally {
    await sender.stop()
  }
}

/** Milliseconds from sending to delivery, slice by slice and partition by partition. */
async function throughTheLog(place: Place, load: Load): Promise<number[]> {
  const slicesOf = Array.from({ length: PARTITIONS }, (): number[] => [])
  let total = 0
  const size = sliceSize(load.rate)
  let index = 0
  for (const { partition } of inputRecords(place.input)) {
    const slice = Math.floor(index++ / size)
    if (slicesOf[partition]!.at(-1) === slice) continue
    slicesOf[partition]!.push(slice)
    total++
  }
  const reader = await place.log.reader({ clientId: 'alone' })
  for (let partition = 0; partition < PARTITIONS; partition++) reader.seek({ topic: ALONE, partition }, 0)
  const arrived: { slice: number; at: number }[] = []
  const seen = slicesOf.map(() => 0)
  const { sent } = await underLoad(place, load, ALONE, async () => {
    for (const { partition } of await reader.poll(100)) {
      arrived.push({ slice: slicesOf[partition]![seen[partition]!++]!, at: monotonic() })
    }
    return arrived.length >= total
  })
  await reader.close()
  expectEqual('batches delivered', arrived.length, total)
  return counted(
    load,
    arrived.map(({ slice, at }) => ({ slice, took: at - sent[slice]! })),
  )
}

interface Window {
  /** Of the reading that closes it. */
  slice: number
  count: number
}

/** The windows that are closed at the end, by device and start: stream time is its partition's. */
function closedWindows(input: string, rate: number): Map<string, Window> {
  const size = sliceSize(rate)
  const streamTime = new Map<number, number>()
  const open = new Map<number, Map<string, Window>>()
  const closed = new Map<string, Window>()
  let index = 0
  for (const { partition, timestamp, key } of inputRecords(input)) {
    const slice = Math.floor(index++ / size)
    const windows = open.get(partition) ?? new Map<string, Window>()
    open.set(partition, windows)
    const last = Math.floor(timestamp / ADVANCE) * ADVANCE
    for (let start = last; start > timestamp - WINDOW; start -= ADVANCE) {
      const name = `${key} ${start}`
      const window = windows.get(name)
      if (window === undefined) windows.set(name, { slice: 0, count: 1 })
      else window.count++
    }
    const before = streamTime.get(partition) ?? 0
    if (timestamp <= before) continue
    streamTime.set(partition, timestamp)
    const ends = (time: number): number => Math.floor((time - WINDOW - GRACE) / ADVANCE)
    if (ends(before) === ends(timestamp)) continue
    for (const [name, window] of windows) {
      if (Number(name.slice(name.indexOf(' '))) + WINDOW + GRACE > timestamp) continue
      windows.delete(name)
      closed.set(name, { ...window, slice })
    }
  }
  return closed
}

/** Milliseconds for each prediction, every one of them compared with what the input says of its window. */
async function throughTheEngine(
  place: Place,
  load: Load,
): Promise<{ readonly took: number[]; readonly behind: number }> {
  const { log, brokers, directory, input } = place
  const expected = closedWindows(input, load.rate)
  const model = join(directory, 'model.onnx')
  writeFileSync(model, gunzipSync(readFileSync(join(peerSource, 'model.onnx.gz'))))
  const options = { brokers, 'application-id': 'watch', 'state-dir': join(directory, 'state'), model }
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const program = join(import.meta.dirname, '../watch-bench.mjs')
  const engine = new TellingProgram(process.execPath, [program, ...words], { signal: load.signal })
  const reader = await log.reader({ clientId: 'predictions' })
  try {
    // One for each partition, once it is its own.
    while (engine.events.filter(({ name }) => name === 'RESTORE_END').length < PARTITIONS) {
      await engine.event('RESTORE_END')
      engine.expectRunning()
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    const decoders = new Map<string, ReturnType<typeof decoderOf>>([
      [topics.predictions, decoderOf(join(schemas, 'Prediction.avsc'))],
      [topics.annotationRequests, decoderOf(join(schemas, 'AnnotationRequest.avsc'))],
    ])
    for (const topic of decoders.keys()) {
      for (let partition = 0; partition < PARTITIONS; partition++) reader.seek({ topic, partition }, 0)
    }
    const arrived = new Map<string, number>()
    const cursor = new RecordCursor()
    const { sent, behind } = await underLoad(place, load, topics.readings, async () => {
      engine.expectRunning()
      for (const batch of await reader.poll(100)) {
        const at = monotonic()
        for (cursor.reset(batch, 0); cursor.next(); ) {
          const { deviceId, windowStart, count } = decoders.get(batch.topic)!(cursor.value!)
          const name = `${deviceId} ${windowStart}`
          if (arrived.has(name)) throw new Error(`${name} comes twice`)
          expectEqual(`the readings of ${name}`, count, expected.get(name)?.count)
          arrived.set(name, at)
        }
      }
      return arrived.size >= expected.size
    })
    expectEqual('predictions', arrived.size, expected.size)
    const all = [...arrived].map(([name, at]) => {
      const { slice } = expected.get(name)!
      return { slice, took: at - sent[slice]! }
    })
    return { took: counted(load, all), behind }
  } finally {
    await reader.close()
    await engine.stop()
  }
}

/** Without what was sent while the processes were warming up; ascending. */
function counted({ warmup }: Load, all: readonly { slice: number; took: number }[]): number[] {
  return all
    .filter(({ slice }) => slice * SLICE >= warmup * 1000)
    .map(({ took }) => took)
    .sort((a, b) => a - b)
}

function figuresOf({ rate }: Load, took: number[], alone: number[], behind: number): Figure[] {
  const at = (of: readonly number[], share: number): number =>
    of[Math.min(of.length - 1, Math.floor(of.length * share))] ?? Number.NaN
  const name = `${rate.toLocaleString('en')}/s`
  const beside = [0.5, 0.99, 0.999].map(share => ({
    what: `${name}, p${100 * share} of ${took.length} windows`,
    unit: 'ms',
    value: at(took, share),
    limit: { what: 'the log alone', value: at(alone, share) },
  }))
  return [
    ...beside,
    {
      ...{ what: `${name}, p99`, unit: 'ms', value: at(took, 0.99) },
      limit: { what: 'commit interval + 50 ms', value: COMMIT_INTERVAL + 50 },
    },
    { what: `${name}, slice sent latest`, unit: 'ms behind', value: behind },
  ]
}
