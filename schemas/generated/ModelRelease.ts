// Generated from ../ModelRelease.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** A classifier as published on the topic activity-models (key: name@version). Publishing one again with another status changes its status. */
export interface ModelRelease {
  /** What it classifies, such as watch. */
  readonly name: string
  /** Semantic version, unique per name. */
  readonly version: string
  /** The newest promoted event of a name is in force; the newest in shadow scores beside it. */
  readonly status: ReleaseStatus
  /** The definition of the features it was trained on; a node with another one refuses it. */
  readonly featureSchemaHash: string
  /** Class names, in the order of the model's probabilities. */
  readonly labels: readonly string[]
  /** Calibration: probabilities are raised to 1/temperature and normalised (Guo et al., ICML 2017). */
  readonly temperature: number
  /** Routing: below this calibrated probability a window is unsure. */
  readonly minimumConfidence: number
  /** Routing: below this distance to the second class a window is unsure. */
  readonly minimumMargin: number
  /** Measured on people it was not trained on: accuracy, macroF1, calibrationError … */
  readonly metrics: Readonly<Record<string, number>>
  /** Where it comes from: data, people, script, seed, date. */
  readonly lineage: Readonly<Record<string, string>>
  /** Of the ONNX bytes, hexadecimal. */
  readonly sha256: string
  /** Of the ONNX bytes. */
  readonly size: number
  /** The model: input features [n, width] float32, outputs label and probabilities [n, classes] float32. */
  readonly onnx: Buffer | null
  /** Where the bytes are, if they are too large for the topic: a file: or s3: URL that every node reaches. */
  readonly location: string | null
  /** A feature vector to try it with. */
  readonly probeFeatures: readonly number[]
  /** What it must answer to it, before calibration, within 1e-4. */
  readonly probeProbabilities: readonly number[]
  /** When this event was published. */
  readonly publishedAt: number
  /** Why it was promoted, put into shadow or retired, in a person's words. */
  readonly reason: string | null
  /** Ed25519 over the canonical form of all that training decides, where releases are signed. */
  readonly signature: Buffer | null
}

export type ReleaseStatus = 'candidate' | 'promoted' | 'retired' | 'shadow'

export const ModelRelease: AvroType<ModelRelease> = {
  name: 'tickerwatch.ModelRelease',
  schema: {"type":"record","name":"ModelRelease","namespace":"tickerwatch","doc":"A classifier as published on the topic activity-models (key: name@version). Publishing one again with another status changes its status.","fields":[{"name":"name","type":"string","doc":"What it classifies, such as watch."},{"name":"version","type":"string","doc":"Semantic version, unique per name."},{"name":"status","type":{"type":"enum","name":"ReleaseStatus","symbols":["candidate","promoted","retired","shadow"]},"doc":"The newest promoted event of a name is in force; the newest in shadow scores beside it."},{"name":"featureSchemaHash","type":"string","doc":"The definition of the features it was trained on; a node with another one refuses it."},{"name":"labels","type":{"type":"array","items":"string"},"doc":"Class names, in the order of the model's probabilities."},{"name":"temperature","type":"double","doc":"Calibration: probabilities are raised to 1/temperature and normalised (Guo et al., ICML 2017)."},{"name":"minimumConfidence","type":"double","doc":"Routing: below this calibrated probability a window is unsure."},{"name":"minimumMargin","type":"double","doc":"Routing: below this distance to the second class a window is unsure."},{"name":"metrics","type":{"type":"map","values":"double"},"doc":"Measured on people it was not trained on: accuracy, macroF1, calibrationError …"},{"name":"lineage","type":{"type":"map","values":"string"},"doc":"Where it comes from: data, people, script, seed, date."},{"name":"sha256","type":"string","doc":"Of the ONNX bytes, hexadecimal."},{"name":"size","type":"int","doc":"Of the ONNX bytes."},{"name":"onnx","type":["null","bytes"],"default":null,"doc":"The model: input features [n, width] float32, outputs label and probabilities [n, classes] float32."},{"name":"location","type":["null","string"],"default":null,"doc":"Where the bytes are, if they are too large for the topic: a file: or s3: URL that every node reaches."},{"name":"probeFeatures","type":{"type":"array","items":"float"},"doc":"A feature vector to try it with."},{"name":"probeProbabilities","type":{"type":"array","items":"float"},"doc":"What it must answer to it, before calibration, within 1e-4."},{"name":"publishedAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When this event was published."},{"name":"reason","type":["null","string"],"default":null,"doc":"Why it was promoted, put into shadow or retired, in a person's words."},{"name":"signature","type":["null","bytes"],"default":null,"doc":"Ed25519 over the canonical form of all that training decides, where releases are signed."}]},
  fingerprint: '68060df35dfa7f69',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeModelRelease(value, 'ModelRelease')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readModelRelease()
    input.finish()
    return value
  },
}

const symbols$1: readonly ReleaseStatus[] = ['candidate', 'promoted', 'retired', 'shadow']

function readArray$2(): string[] {
  const array: string[] = []
  for (let count = input.block(1); count > 0; count = input.block(1)) {
    for (let i = 0; i < count; i++) array.push(input.string())
  }
  return array
}

function readMap$3(): Record<string, number> {
  const map: Record<string, number> = Object.create(null)
  for (let count = input.block(9); count > 0; count = input.block(9)) {
    for (let i = 0; i < count; i++) {
      const key = input.string()
      map[key] = input.double()
    }
  }
  return map
}

function readMap$4(): Record<string, string> {
  const map: Record<string, string> = Object.create(null)
  for (let count = input.block(2); count > 0; count = input.block(2)) {
    for (let i = 0; i < count; i++) {
      const key = input.string()
      map[key] = input.string()
    }
  }
  return map
}

function readArray$5(): number[] {
  const array: number[] = []
  for (let count = input.block(4); count > 0; count = input.block(4)) {
    for (let i = 0; i < count; i++) array.push(input.float())
  }
  return array
}

function readModelRelease(): ModelRelease {
  let $name: string
  let $version: string
  let $status: ReleaseStatus
  let $featureSchemaHash: string
  let $labels: readonly string[]
  let $temperature: number
  let $minimumConfidence: number
  let $minimumMargin: number
  let $metrics: Readonly<Record<string, number>>
  let $lineage: Readonly<Record<string, string>>
  let $sha256: string
  let $size: number
  let $onnx: Buffer | null
  let $location: string | null
  let $probeFeatures: readonly number[]
  let $probeProbabilities: readonly number[]
  let $publishedAt: number
  let $reason: string | null
  let $signature: Buffer | null
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $name = input.string(); at = input.at
  input.at = at; $version = input.string(); at = input.at
  input.at = at; $status = input.symbol(symbols$1); at = input.at
  input.at = at; $featureSchemaHash = input.string(); at = input.at
  input.at = at; $labels = readArray$2(); at = input.at
  if (at + 8 <= end) { $temperature = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $temperature = input.double(); at = input.at }
  if (at + 8 <= end) { $minimumConfidence = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $minimumConfidence = input.double(); at = input.at }
  if (at + 8 <= end) { $minimumMargin = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $minimumMargin = input.double(); at = input.at }
  input.at = at; $metrics = readMap$3(); at = input.at
  input.at = at; $lineage = readMap$4(); at = input.at
  input.at = at; $sha256 = input.string(); at = input.at
  input.at = at; $size = input.int(); at = input.at
  if (bytes[at] === 0 && at < end) { $onnx = null; at++ } else { input.at = at; $onnx = (input.index(2) === 0 ? null : input.byteString()); at = input.at }
  if (bytes[at] === 0 && at < end) { $location = null; at++ } else { input.at = at; $location = (input.index(2) === 0 ? null : input.string()); at = input.at }
  input.at = at; $probeFeatures = readArray$5(); at = input.at
  input.at = at; $probeProbabilities = readArray$5(); at = input.at
  input.at = at; $publishedAt = input.long(); at = input.at
  if (bytes[at] === 0 && at < end) { $reason = null; at++ } else { input.at = at; $reason = (input.index(2) === 0 ? null : input.string()); at = input.at }
  if (bytes[at] === 0 && at < end) { $signature = null; at++ } else { input.at = at; $signature = (input.index(2) === 0 ? null : input.byteString()); at = input.at }
  input.at = at
  return {
    name: $name,
    version: $version,
    status: $status,
    featureSchemaHash: $featureSchemaHash,
    labels: $labels,
    temperature: $temperature,
    minimumConfidence: $minimumConfidence,
    minimumMargin: $minimumMargin,
    metrics: $metrics,
    lineage: $lineage,
    sha256: $sha256,
    size: $size,
    onnx: $onnx,
    location: $location,
    probeFeatures: $probeFeatures,
    probeProbabilities: $probeProbabilities,
    publishedAt: $publishedAt,
    reason: $reason,
    signature: $signature,
  }
}

const writtenSymbols$1 = ['candidate', 'promoted', 'retired', 'shadow']

function writeArray$2(value: readonly string[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.string(item, field) }
  output.index(0)
}

function writeMap$3(value: Readonly<Record<string, number>>, field: string): void {
  for (const key of output.map(value, field)) { output.string(key, field); output.double(value[key]!, field) }
  output.index(0)
}

function writeMap$4(value: Readonly<Record<string, string>>, field: string): void {
  for (const key of output.map(value, field)) { output.string(key, field); output.string(value[key]!, field) }
  output.index(0)
}

function writeArray$5(value: readonly number[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.float(item, field) }
  output.index(0)
}

function writeModelRelease(value: ModelRelease, field: string): void {
  output.record(value, field)
  output.string(value.name, 'ModelRelease.name')
  output.string(value.version, 'ModelRelease.version')
  output.symbol(value.status, writtenSymbols$1, 'ModelRelease.status')
  output.string(value.featureSchemaHash, 'ModelRelease.featureSchemaHash')
  writeArray$2(value.labels, 'ModelRelease.labels')
  output.double(value.temperature, 'ModelRelease.temperature')
  output.double(value.minimumConfidence, 'ModelRelease.minimumConfidence')
  output.double(value.minimumMargin, 'ModelRelease.minimumMargin')
  writeMap$3(value.metrics, 'ModelRelease.metrics')
  writeMap$4(value.lineage, 'ModelRelease.lineage')
  output.string(value.sha256, 'ModelRelease.sha256')
  output.int(value.size, 'ModelRelease.size')
  if (value.onnx === null) output.index(0); else { output.index(1); output.bytes(value.onnx, 'ModelRelease.onnx') }
  if (value.location === null) output.index(0); else { output.index(1); output.string(value.location, 'ModelRelease.location') }
  writeArray$5(value.probeFeatures, 'ModelRelease.probeFeatures')
  writeArray$5(value.probeProbabilities, 'ModelRelease.probeProbabilities')
  output.long(value.publishedAt, 'ModelRelease.publishedAt')
  if (value.reason === null) output.index(0); else { output.index(1); output.string(value.reason, 'ModelRelease.reason') }
  if (value.signature === null) output.index(0); else { output.index(1); output.bytes(value.signature, 'ModelRelease.signature') }
}
