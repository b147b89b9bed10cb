// Generated from ../AnnotationRequest.avsc by schemas/generate.ts: do not edit.
import { input } from '../../../../schemas/avro/input.ts'
import { output } from '../../../../schemas/avro/output.ts'
import type { AvroType } from '../../../../schemas/avro/type.ts'

export interface AnnotationRequest {
  readonly deviceId: string
  readonly windowStart: number
  readonly windowEnd: number
  readonly count: number
  readonly label: number
  readonly confidence: number
  readonly probabilities: readonly number[]
  readonly features: readonly number[]
}

export const AnnotationRequest: AvroType<AnnotationRequest> = {
  name: 'watch.avro.AnnotationRequest',
  schema: {"type":"record","name":"AnnotationRequest","namespace":"watch.avro","fields":[{"name":"deviceId","type":"string"},{"name":"windowStart","type":"long"},{"name":"windowEnd","type":"long"},{"name":"count","type":"int"},{"name":"label","type":"int"},{"name":"confidence","type":"float"},{"name":"probabilities","type":{"type":"array","items":"float"}},{"name":"features","type":{"type":"array","items":"float"}}]},
  fingerprint: '57b7b332b741634d',
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

function readAnnotationRequest(): AnnotationRequest {
  let $deviceId: string
  let $windowStart: number
  let $windowEnd: number
  let $count: number
  let $label: number
  let $confidence: number
  let $probabilities: readonly number[]
  let $features: readonly number[]
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $windowStart = input.long(); at = input.at
  input.at = at; $windowEnd = input.long(); at = input.at
  input.at = at; $count = input.int(); at = input.at
  input.at = at; $label = input.int(); at = input.at
  if (at + 4 <= end) { $confidence = view.getFloat32(base + at, true); at += 4 } else { input.at = at; $confidence = input.float(); at = input.at }
  input.at = at; $probabilities = readArray$1(); at = input.at
  input.at = at; $features = readArray$1(); at = input.at
  input.at = at
  return {
    deviceId: $deviceId,
    windowStart: $windowStart,
    windowEnd: $windowEnd,
    count: $count,
    label: $label,
    confidence: $confidence,
    probabilities: $probabilities,
    features: $features,
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
  output.int(value.count, 'AnnotationRequest.count')
  output.int(value.label, 'AnnotationRequest.label')
  output.float(value.confidence, 'AnnotationRequest.confidence')
  writeArray$1(value.probabilities, 'AnnotationRequest.probabilities')
  writeArray$1(value.features, 'AnnotationRequest.features')
}
