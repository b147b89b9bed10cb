// Generated from ../AnnotationRequest.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** A window whose class the model was unsure of: a person is asked. */
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
  /** The release that was unsure. */
  readonly modelName: string
  /** The release that was unsure. */
  readonly modelVersion: string
  /** The definition of the features. */
  readonly featureSchemaHash: string
}

export const AnnotationRequest: AvroType<AnnotationRequest> = {
  name: 'tickerwatch.AnnotationRequest',
  schema: {"type":"record","name":"AnnotationRequest","namespace":"tickerwatch","doc":"A window whose class the model was unsure of: a person is asked.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"windowStart","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Inclusive, event time."},{"name":"windowEnd","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Exclusive, event time."},{"name":"samples","type":"int","doc":"How many readings the window holds."},{"name":"label","type":"string","doc":"The model's best guess."},{"name":"margin","type":"double","doc":"How far that guess is ahead of the next one."},{"name":"probabilities","type":{"type":"array","items":"float"},"doc":"Calibrated, in the order of the release's labels."},{"name":"features","type":{"type":"array","items":"float"},"doc":"What the model was given, in the order of the feature schema."},{"name":"modelName","type":"string","doc":"The release that was unsure."},{"name":"modelVersion","type":"string","doc":"The release that was unsure."},{"name":"featureSchemaHash","type":"string","doc":"The definition of the features."}]},
  fingerprint: '6d96b49d0629e361',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeAnnotationRequest(value, 'AnnotationRequest')
    return output.finish()
  },
  decode(bytes, at = 0) {
    input.begin(bytes, at)
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
  }
}

function writeArray$1(value: readonly number[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.float(item, field) }
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
}
