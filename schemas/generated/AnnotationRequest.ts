// Generated from ../AnnotationRequest.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** A window that a person is asked about. */
export interface AnnotationRequest {
  /** The watch; also the record's key. */
  readonly deviceId: string
  /** Inclusive, event time. */
  readonly windowStart: number
  /** Exclusive, event time. */
  readonly windowEnd: number
  /** How many readings the window holds. */
  readonly samples: number
  /** The model's best guess. */
  readonly label: string
  /** How far that guess is ahead of the next one. */
  readonly margin: number
  /** Calibrated, in the order of the release's labels. */
  readonly probabilities: readonly number[]
  /** What the model was given, in the order of the feature schema. */
  readonly features: readonly number[]
  /** The release that scored it. */
  readonly modelName: string
  /** The release that scored it. */
  readonly modelVersion: string
  /** The definition of the features. */
  readonly featureSchemaHash: string
  /** Why it is asked: the model was unsure, or the window was drawn at random, to measure accuracy. */
  readonly arm: AnnotationArm
  /** When the samples were taken, milliseconds since windowStart. */
  readonly sampleTimes: readonly number[]
  /** The samples by field of SensorReading, in the order of sampleTimes; NaN: missing. */
  readonly signals: Readonly<Record<string, readonly number[]>>
}

export type AnnotationArm = 'unsure' | 'random'

export const AnnotationRequest: AvroType<AnnotationRequest> = {
  name: 'tickerwatch.AnnotationRequest',
  schema: {"type":"record","name":"AnnotationRequest","namespace":"tickerwatch","doc":"A window that a person is asked about.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"windowStart","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Inclusive, event time."},{"name":"windowEnd","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Exclusive, event time."},{"name":"samples","type":"int","doc":"How many readings the window holds."},{"name":"label","type":"string","doc":"The model's best guess."},{"name":"margin","type":"double","doc":"How far that guess is ahead of the next one."},{"name":"probabilities","type":{"type":"array","items":"float"},"doc":"Calibrated, in the order of the release's labels."},{"name":"features","type":{"type":"array","items":"float"},"doc":"What the model was given, in the order of the feature schema."},{"name":"modelName","type":"string","doc":"The release that scored it."},{"name":"modelVersion","type":"string","doc":"The release that scored it."},{"name":"featureSchemaHash","type":"string","doc":"The definition of the features."},{"name":"arm","type":{"type":"enum","name":"AnnotationArm","symbols":["unsure","random"]},"default":"unsure","doc":"Why it is asked: the model was unsure, or the window was drawn at random, to measure accuracy."},{"name":"sampleTimes","type":{"type":"array","items":"int"},"default":[],"doc":"When the samples were taken, milliseconds since windowStart."},{"name":"signals","type":{"type":"map","values":{"type":"array","items":"float"}},"default":{},"doc":"The samples by field of SensorReading, in the order of sampleTimes; NaN: missing."}]},
  fingerprint: '9b1dae6a1a9ab670',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeAnnotationRequest(value, 'AnnotationRequest')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readAnnotationRequest()
    input.finish()
    return value
  },
}

function readArray$1(): number[] {
  const array: number[] = []
  for (let count = input.block(4); count > 0; count = input.block(4)) {
    for (let i = 0; i < count; i++) array.push(input.float())
  }
  return array
}

const symbols$2: readonly AnnotationArm[] = ['unsure', 'random']

function readArray$3(): number[] {
  const array: number[] = []
  for (let count = input.block(1); count > 0; count = input.block(1)) {
    for (let i = 0; i < count; i++) array.push(input.int())
  }
  return array
}

function readMap$4(): Record<string, readonly number[]> {
  const map: Record<string, readonly number[]> = Object.create(null)
  for (let count = input.block(2); count > 0; count = input.block(2)) {
    for (let i = 0; i < count; i++) {
      const key = input.string()
      map[key] = readArray$1()
    }
  }
  return map
}

function readAnnotationRequest(): AnnotationRequest {
  let $deviceId: string
  let $windowStart: number
  let $windowEnd: number
  let $samples: number
  let $label: string
  let $margin: number
  let $probabilities: readonly number[]
  let $features: readonly number[]
  let $modelName: string
  let $modelVersion: string
  let $featureSchemaHash: string
  let $arm: AnnotationArm
  let $sampleTimes: readonly number[]
  let $signals: Readonly<Record<string, readonly number[]>>
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $windowStart = input.long(); at = input.at
  input.at = at; $windowEnd = input.long(); at = input.at
  input.at = at; $samples = input.int(); at = input.at
  input.at = at; $label = input.string(); at = input.at
  if (at + 8 <= end) { $margin = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $margin = input.double(); at = input.at }
  input.at = at; $probabilities = readArray$1(); at = input.at
  input.at = at; $features = readArray$1(); at = input.at
  input.at = at; $modelName = input.string(); at = input.at
  input.at = at; $modelVersion = input.string(); at = input.at
  input.at = at; $featureSchemaHash = input.string(); at = input.at
  input.at = at; $arm = input.symbol(symbols$2); at = input.at
  input.at = at; $sampleTimes = readArray$3(); at = input.at
  input.at = at; $signals = readMap$4(); at = input.at
  input.at = at
  return {
    deviceId: $deviceId,
    windowStart: $windowStart,
    windowEnd: $windowEnd,
    samples: $samples,
    label: $label,
    margin: $margin,
    probabilities: $probabilities,
    features: $features,
    modelName: $modelName,
    modelVersion: $modelVersion,
    featureSchemaHash: $featureSchemaHash,
    arm: $arm,
    sampleTimes: $sampleTimes,
    signals: $signals,
  }
}

function writeArray$1(value: readonly number[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.float(item, field) }
  output.index(0)
}

const writtenSymbols$2 = ['unsure', 'random']

function writeArray$3(value: readonly number[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.int(item, field) }
  output.index(0)
}

function writeMap$4(value: Readonly<Record<string, readonly number[]>>, field: string): void {
  for (const key of output.map(value, field)) { output.string(key, field); writeArray$1(value[key]!, field) }
  output.index(0)
}

function writeAnnotationRequest(value: AnnotationRequest, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'AnnotationRequest.deviceId')
  output.long(value.windowStart, 'AnnotationRequest.windowStart')
  output.long(value.windowEnd, 'AnnotationRequest.windowEnd')
  output.int(value.samples, 'AnnotationRequest.samples')
  output.string(value.label, 'AnnotationRequest.label')
  output.double(value.margin, 'AnnotationRequest.margin')
  writeArray$1(value.probabilities, 'AnnotationRequest.probabilities')
  writeArray$1(value.features, 'AnnotationRequest.features')
  output.string(value.modelName, 'AnnotationRequest.modelName')
  output.string(value.modelVersion, 'AnnotationRequest.modelVersion')
  output.string(value.featureSchemaHash, 'AnnotationRequest.featureSchemaHash')
  output.symbol(value.arm, writtenSymbols$2, 'AnnotationRequest.arm')
  writeArray$3(value.sampleTimes, 'AnnotationRequest.sampleTimes')
  writeMap$4(value.signals, 'AnnotationRequest.signals')
}
