// Generated from ../Annotation.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** What a person said of a window (key: device). It carries what the window was scored with, so that it can be learned from and counted by itself. Of several for a window the one annotated last holds. */
export interface Annotation {
  /** The watch; also the record's key. */
  readonly deviceId: string
  /** Inclusive, event time. */
  readonly windowStart: number
  /** Exclusive, event time. */
  readonly windowEnd: number
  /** cannotTell: the person looked and could not recognise it. withdrawn: what was said before does not hold. */
  readonly verdict: Verdict
  /** What the person says the wearer did; only of labelled. */
  readonly label: string | null
  /** Who. */
  readonly annotator: string
  /** When; also the record's timestamp. */
  readonly annotatedAt: number
  /** Why the window was asked about: as in AnnotationRequest. */
  readonly arm: AnnotatedArm
  /** The label that the model gave it. */
  readonly predicted: string
  /** That label's calibrated probability; null: not kept when it was written. */
  readonly confidence: number | null
  /** The release that scored it. */
  readonly modelName: string
  /** The release that scored it. */
  readonly modelVersion: string
  /** The definition of the features. */
  readonly featureSchemaHash: string
  /** As they were scored, in the order of the feature schema. */
  readonly features: readonly number[]
}

export type Verdict = 'labelled' | 'cannotTell' | 'withdrawn'

export type AnnotatedArm = 'unsure' | 'random'

export const Annotation: AvroType<Annotation> = {
  name: 'tickerwatch.Annotation',
  schema: {"type":"record","name":"Annotation","namespace":"tickerwatch","doc":"What a person said of a window (key: device). It carries what the window was scored with, so that it can be learned from and counted by itself. Of several for a window the one annotated last holds.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"windowStart","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Inclusive, event time."},{"name":"windowEnd","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Exclusive, event time."},{"name":"verdict","type":{"type":"enum","name":"Verdict","symbols":["labelled","cannotTell","withdrawn"]},"doc":"cannotTell: the person looked and could not recognise it. withdrawn: what was said before does not hold."},{"name":"label","type":["null","string"],"default":null,"doc":"What the person says the wearer did; only of labelled."},{"name":"annotator","type":"string","doc":"Who."},{"name":"annotatedAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When; also the record's timestamp."},{"name":"arm","type":{"type":"enum","name":"AnnotatedArm","symbols":["unsure","random"]},"doc":"Why the window was asked about: as in AnnotationRequest."},{"name":"predicted","type":"string","doc":"The label that the model gave it."},{"name":"confidence","type":["null","double"],"default":null,"doc":"That label's calibrated probability; null: not kept when it was written."},{"name":"modelName","type":"string","doc":"The release that scored it."},{"name":"modelVersion","type":"string","doc":"The release that scored it."},{"name":"featureSchemaHash","type":"string","doc":"The definition of the features."},{"name":"features","type":{"type":"array","items":"float"},"doc":"As they were scored, in the order of the feature schema."}]},
  fingerprint: 'c2499f102492a6c3',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeAnnotation(value, 'Annotation')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readAnnotation()
    input.finish()
    return value
  },
}

const symbols$1: readonly Verdict[] = ['labelled', 'cannotTell', 'withdrawn']

const symbols$2: readonly AnnotatedArm[] = ['unsure', 'random']

function readArray$3(): number[] {
  const array: number[] = []
  for (let count = input.block(4); count > 0; count = input.block(4)) {
    for (let i = 0; i < count; i++) array.push(input.float())
  }
  return array
}

function readAnnotation(): Annotation {
  let $deviceId: string
  let $windowStart: number
  let $windowEnd: number
  let $verdict: Verdict
  let $label: string | null
  let $annotator: string
  let $annotatedAt: number
  let $arm: AnnotatedArm
  let $predicted: string
  let $confidence: number | null
  let $modelName: string
  let $modelVersion: string
  let $featureSchemaHash: string
  let $features: readonly number[]
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $windowStart = input.long(); at = input.at
  input.at = at; $windowEnd = input.long(); at = input.at
  input.at = at; $verdict = input.symbol(symbols$1); at = input.at
  if (bytes[at] === 0 && at < end) { $label = null; at++ } else { input.at = at; $label = (input.index(2) === 0 ? null : input.string()); at = input.at }
  input.at = at; $annotator = input.string(); at = input.at
  input.at = at; $annotatedAt = input.long(); at = input.at
  input.at = at; $arm = input.symbol(symbols$2); at = input.at
  input.at = at; $predicted = input.string(); at = input.at
  if (bytes[at] === 2 && at + 9 <= end) { $confidence = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $confidence = null; at++ } else { input.at = at; $confidence = (input.index(2) === 0 ? null : input.double()); at = input.at }
  input.at = at; $modelName = input.string(); at = input.at
  input.at = at; $modelVersion = input.string(); at = input.at
  input.at = at; $featureSchemaHash = input.string(); at = input.at
  input.at = at; $features = readArray$3(); at = input.at
  input.at = at
  return {
    deviceId: $deviceId,
    windowStart: $windowStart,
    windowEnd: $windowEnd,
    verdict: $verdict,
    label: $label,
    annotator: $annotator,
    annotatedAt: $annotatedAt,
    arm: $arm,
    predicted: $predicted,
    confidence: $confidence,
    modelName: $modelName,
    modelVersion: $modelVersion,
    featureSchemaHash: $featureSchemaHash,
    features: $features,
  }
}

const writtenSymbols$1 = ['labelled', 'cannotTell', 'withdrawn']

const writtenSymbols$2 = ['unsure', 'random']

function writeArray$3(value: readonly number[], field: string): void {
  output.array(value, field)
  for (const item of value) { output.float(item, field) }
  output.index(0)
}

function writeAnnotation(value: Annotation, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'Annotation.deviceId')
  output.long(value.windowStart, 'Annotation.windowStart')
  output.long(value.windowEnd, 'Annotation.windowEnd')
  output.symbol(value.verdict, writtenSymbols$1, 'Annotation.verdict')
  if (value.label === null) output.index(0); else { output.index(1); output.string(value.label, 'Annotation.label') }
  output.string(value.annotator, 'Annotation.annotator')
  output.long(value.annotatedAt, 'Annotation.annotatedAt')
  output.symbol(value.arm, writtenSymbols$2, 'Annotation.arm')
  output.string(value.predicted, 'Annotation.predicted')
  if (value.confidence === null) output.index(0); else { output.index(1); output.double(value.confidence, 'Annotation.confidence') }
  output.string(value.modelName, 'Annotation.modelName')
  output.string(value.modelVersion, 'Annotation.modelVersion')
  output.string(value.featureSchemaHash, 'Annotation.featureSchemaHash')
  writeArray$3(value.features, 'Annotation.features')
}
