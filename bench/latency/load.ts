/**
 * Sends the readings of a file at a steady rate, from a process of its own, all encoded before the first is sent:
 * `load.ts BROKERS TOPIC FILE RATE RECORD-OF-TIMES`. What is due is sent, whether earlier requests are answered or not.
 *
 * Then writes when each slice of the file was handed to the socket, as float64 in milliseconds of the system's monotonic clock.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { BatchSender, type EncodedBatch, encodeAhead } from '../encoded-batches.ts'
import { event } from '../event.ts'
import { type InputRecord, inputRecords } from '../watch/input.ts'
import { monotonic, SLICE, sliceSize } from './slices.ts'

const [brokers, topic, file, rate, times] = process.argv.slice(2)
const size = sliceSize(Number(rate))
const slices: EncodedBatch[][] = []
let slice: InputRecord[] = []
for (const record of inputRecords(file!)) {
  slice.push(record)
  if (slice.length < size) continue
  slices.push(encodeAhead(slice))
  slice = []
}
if (slice.length > 0) slices.push(encodeAhead(slice))

const sender = await BatchSender.connect(brokers!, topic!)
const sent = new Float64Array(slices.length)
const answers: Promise<void>[] = []
event('BEGIN')
const began = monotonic()
for (let next = 0; next < slices.length; ) {
  for (; next < slices.length && began + next * SLICE <= monotonic(); next++) {
    sent[next] = monotonic()
    answers.push(sender.send(slices[next]!))
  }
  await delay(1)
}
await Promise.all(answers)
await sender.close()
writeFileSync(times!, sent)
// How late the slice was sent that was sent latest.
event('END', Math.round(sent.reduce((most, at, i) => Math.max(most, at - began - i * SLICE), 0)))
