/**
 * Sends readings without end, at the rate that the last line `rate NUMBER` of the standard input says, in readings a second;
 * at the input's end it ends: `load.ts BROKERS TOPIC FILE`. The file is a cycle (`input.ts`); its batches are encoded once, and
 * only their times are changed.
 *
 * What is due is sent whether what was sent before is worked off or not, but little of it before the broker has answered: what
 * it does not take is late, and told as that. Each second says how many slices were sent and how late the next one is.
 */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import crc32C from 'kafkajs/src/protocol/recordBatch/crc32C/index.js'
import { batchLayout as at } from '../../topology/log/kafka/record-set.ts'
import { BatchSender, type EncodedBatch, encodeAhead } from '../encoded-batches.ts'
import { event } from '../event.ts'
import { type InputRecord, inputRecords } from '../watch/input.ts'
import { CYCLE, SLICE } from './input.ts'

/** Slices that the broker has not answered. */
const UNANSWERED = 100

const [brokers, topic, file] = process.argv.slice(2)
const slices: EncodedBatch[][] = []
let slice: InputRecord[] = []
for (const record of inputRecords(file!)) {
  slice.push(record)
  if (slice.length < SLICE) continue
  slices.push(encodeAhead(slice))
  slice = []
}

let rate = 0
/** Since when it is sent at this rate, and how many slices. */
let [since, sentSince, sent] = [0, 0, 0]
let ended = false
createInterface({ input: process.stdin })
  .on('line', line => {
    rate = Number(line.split(' ')[1])
    since = performance.now()
    sentSince = 0
  })
  .on('close', () => {
    ended = true
  })

const sender = await BatchSender.connect(brokers!, topic!)
let [unanswered, told] = [0, performance.now()]
let failure: unknown
while (!ended && failure === undefined) {
  while (lateness() > 0 && unanswered < UNANSWERED) {
    send(sent++)
    sentSince++
  }
  if (performance.now() - told >= 1000) {
    told = performance.now()
    tell()
  }
  await delay(1)
}
while (unanswered > 0 && failure === undefined) await delay(1)
if (failure !== undefined) throw failure
tell()
event('END', sent)
await sender.close()

function tell(): void {
  event('SENT', sent, Math.max(0, Math.round(lateness())))
}

/** Milliseconds for which the next slice has been due. */
function lateness(): number {
  return rate === 0 ? 0 : performance.now() - since - (sentSince * SLICE * 1000) / rate
}

function send(index: number): void {
  const later = BigInt(Math.floor(index / slices.length) * CYCLE)
  const batches = slices[index % slices.length]!.map(({ partition, batch }) => ({
    partition,
    batch: shifted(batch, later),
  }))
  unanswered++
  sender
    .send(batches)
    .catch(error => {
      failure ??= error
    })
    .finally(() => {
      unanswered--
    })
}

function shifted(batch: Buffer, later: bigint): Buffer {
  const copy = Buffer.from(batch)
  for (const time of [at.baseTimestamp, at.maxTimestamp])
    copy.writeBigInt64BE(copy.readBigInt64BE(time) + later, time)
  copy.writeUInt32BE(crc32C(copy.subarray(at.attributes)), at.crc)
  return copy
}
