// Generated from ../ShadowPrediction.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** What a release in shadow says of a closed window (key: device), beside the release that served it. At most once in a usual run; again after a failure of the node, or not at all where the shadow fell behind. */
export interface ShadowPrediction {
  /** The watch; also the record's key. */
  readonly deviceId: string
  /** Inclusive, event time. */
  readonly windowStart: number
  /** Exclusive, event time. */
  readonly windowEnd: number
  /** The class with the greatest probability. */
  readonly label: string
  /** That class's calibrated probability. */
  readonly confidence: number
  /** Its distance to the second greatest probability. */
  readonly margin: number
  /** Calibrated, in the order of the release's labels. */
  readonly probabilities: readonly number[]
  /** Whether it reaches the thresholds of its own release. */
  readonly sure: boolean
  /** The release in shadow. */
  readonly modelName: string
  /** The release in shadow. */
  readonly modelVersion: string
  /** The definition of the features it was given. */
  readonly featureSchemaHash: string
  /** The release that served the window. */
  readonly servingVersion: string
  /** What that one said. */
  readonly servingLabel: string
  /** How sure it was. */
  readonly servingConfidence: number
}

export const ShadowPrediction: AvroType<ShadowPrediction> = {
  name: 'tickerwatch.ShadowPrediction',
  schema: {"type":"record","name":"ShadowPrediction","namespace":"tickerwatch","doc":"What a release in shadow says of a closed window (key: device), beside the release that served it. At most once in a usual run; again after a failure of the node, or not at all where the shadow fell behind.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"windowStart","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Inclusive, event time."},{"name":"windowEnd","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Exclusive, event time."},{"name":"label","type":"string","doc":"The class with the greatest probability."},{"name":"confidence","type":"double","doc":"That class's calibrated probability."},{"name":"margin","type":"double","doc":"Its distance to the second greatest probability."},{"name":"probabilities","type":{"type":"array","items":"float"},"doc":"Calibrated, in the order of the release's labels."},{"name":"sure","type":"boolean","doc":"Whether it reaches the thresholds of its own release."},{"name":"modelName","type":"string","doc":"The release in shadow."},{"name":"modelVersion","type":"string","doc":"The release in shadow."},{"name":"featureSchemaHash","type":"string","doc":"The definition of the features it was given."},{"name":"servingVersion","type":"string","doc":"The release that served the window."},{"name":"servingLabel","type":"string","doc":"What that one said."},{"name":"servingConfidence","type":"double","doc":"How sure it was."}]},
  fingerprint: '2e506980e597b4cc',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeShadowPrediction(value, 'ShadowPrediction')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readShadowPrediction()
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

function readShadowPrediction(): ShadowPrediction {
  let $deviceId: string
  let $windowStart: number
  let $windowEnd: number
  let $label: string
  let $confidence: number
  let $margin: number
  let $probabilities: readonly number[]
  let $sure: boolean
  let $modelName: string
  let $modelVersion: string
  let $featureSchemaHash: string
  let $servingVersion: string
  let $servingLabel: string
  let $servingConfidence: number
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $windowStart = input.long(); at = input.at
  input.at = at; $windowEnd = input.long(); at = input.at
  input.at = at; $label = input.string(); at = input.at
  if (at + 8 <= end) { $confidence = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $confidence = input.double(); at = input.at }
  if (at + 8 <= end) { $margin = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $margin = input.double(); at = input.at }
  input.at = at; $probabilities = readArray$1(); at = input.at
  input.at = at; $sure = input.boolean(); at = input.at
  input.at = at; $modelName = input.string(); at = input.at
  input.at = at; $modelVersion = input.string(); at = input.at
  input.at = at; $featureSchemaHash = input.string(); at = input.at
  input.at = at; $servingVersion = input.string(); at = input.at
  input.at = at; $servingLabel = input.string(); at = input.at
  if (at + 8 <= end) { $servingConfidence = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $servingConfidence = input.double(); at = input.at }
  input.at = at
  return {
    deviceId: $deviceId,
    windowStart: $windowStart,
    windowEnd: $windowEnd,
    label: $label,
    confidence: $confidence,
    margin: $margin,
    probabilities: $probabilities,
    sure: $sure,
    modelName: $modelName,
    modelVersion: $modelVersion,
    featureSchemaHash: $featureSchemaHash,
    servingVersion: $servingVersion,
    servingLabel: $servingLabel,
    servingConfidence: $servingConfidence,
  }
}

function writeArray$1(value: readonly number[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.float(item, field) }
  output.index(0)
}

function writeShadowPrediction(value: ShadowPrediction, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'ShadowPrediction.deviceId')
  output.long(value.windowStart, 'ShadowPrediction.windowStart')
  output.long(value.windowEnd, 'ShadowPrediction.windowEnd')
  output.string(value.label, 'ShadowPrediction.label')
  output.double(value.confidence, 'ShadowPrediction.confidence')
  output.double(value.margin, 'ShadowPrediction.margin')
  writeArray$1(value.probabilities, 'ShadowPrediction.probabilities')
  output.boolean(value.sure, 'ShadowPrediction.sure')
  output.string(value.modelName, 'ShadowPrediction.modelName')
  output.string(value.modelVersion, 'ShadowPrediction.modelVersion')
  output.string(value.featureSchemaHash, 'ShadowPrediction.featureSchemaHash')
  output.string(value.servingVersion, 'ShadowPrediction.servingVersion')
  output.string(value.servingLabel, 'ShadowPrediction.servingLabel')
  output.double(value.servingConfidence, 'ShadowPrediction.servingConfidence')
}
