// Generated from ../Prediction.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** What the classifier says of one closed window of one device. Every non-empty window has exactly one. */
export interface Prediction {
  /** The watch; also the record's key. */
  readonly deviceId: string
  /** Inclusive, event time. */
  readonly windowStart: number
  /** Exclusive, event time. */
  readonly windowEnd: number
  /** How many readings the window holds. */
  readonly samples: number
  /** The class with the greatest probability. */
  readonly label: string
  /** That class's calibrated probability. */
  readonly confidence: number
  /** Its distance to the second greatest probability. */
  readonly margin: number
  /** Calibrated, in the order of the release's labels. */
  readonly probabilities: readonly number[]
  /** A person is asked about unsure windows, as far as the hour's budget goes, and about a random share of all, however sure the model is of them. */
  readonly route: Route
  /** The release that scored it. */
  readonly modelName: string
  /** The release that scored it. */
  readonly modelVersion: string
  /** The definition of the features it was given. */
  readonly featureSchemaHash: string
}

export type Route = 'sure' | 'unsure' | 'unsureOverBudget' | 'randomArm'

export const Prediction: AvroType<Prediction> = {
  name: 'tickerwatch.Prediction',
  schema: {"type":"record","name":"Prediction","namespace":"tickerwatch","doc":"What the classifier says of one closed window of one device. Every non-empty window has exactly one.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"windowStart","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Inclusive, event time."},{"name":"windowEnd","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Exclusive, event time."},{"name":"samples","type":"int","doc":"How many readings the window holds."},{"name":"label","type":"string","doc":"The class with the greatest probability."},{"name":"confidence","type":"double","doc":"That class's calibrated probability."},{"name":"margin","type":"double","doc":"Its distance to the second greatest probability."},{"name":"probabilities","type":{"type":"array","items":"float"},"doc":"Calibrated, in the order of the release's labels."},{"name":"route","type":{"type":"enum","name":"Route","symbols":["sure","unsure","unsureOverBudget","randomArm"]},"doc":"A person is asked about unsure windows, as far as the hour's budget goes, and about a random share of all, however sure the model is of them."},{"name":"modelName","type":"string","doc":"The release that scored it."},{"name":"modelVersion","type":"string","doc":"The release that scored it."},{"name":"featureSchemaHash","type":"string","doc":"The definition of the features it was given."}]},
  fingerprint: 'd919db215bd02e67',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writePrediction(value, 'Prediction')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readPrediction()
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

const symbols$2: readonly Route[] = ['sure', 'unsure', 'unsureOverBudget', 'randomArm']

function readPrediction(): Prediction {
  let $deviceId: string
  let $windowStart: number
  let $windowEnd: number
  let $samples: number
  let $label: string
  let $confidence: number
  let $margin: number
  let $probabilities: readonly number[]
  let $route: Route
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
  if (at + 8 <= end) { $confidence = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $confidence = input.double(); at = input.at }
  if (at + 8 <= end) { $margin = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $margin = input.double(); at = input.at }
  input.at = at; $probabilities = readArray$1(); at = input.at
  input.at = at; $route = input.symbol(symbols$2); at = input.at
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
    confidence: $confidence,
    margin: $margin,
    probabilities: $probabilities,
    route: $route,
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

const writtenSymbols$2 = ['sure', 'unsure', 'unsureOverBudget', 'randomArm']

function writePrediction(value: Prediction, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'Prediction.deviceId')
  output.long(value.windowStart, 'Prediction.windowStart')
  output.long(value.windowEnd, 'Prediction.windowEnd')
  output.int(value.samples, 'Prediction.samples')
  output.string(value.label, 'Prediction.label')
  output.double(value.confidence, 'Prediction.confidence')
  output.double(value.margin, 'Prediction.margin')
  writeArray$1(value.probabilities, 'Prediction.probabilities')
  output.symbol(value.route, writtenSymbols$2, 'Prediction.route')
  output.string(value.modelName, 'Prediction.modelName')
  output.string(value.modelVersion, 'Prediction.modelVersion')
  output.string(value.featureSchemaHash, 'Prediction.featureSchemaHash')
}
