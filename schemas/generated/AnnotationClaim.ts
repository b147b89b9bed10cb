// Generated from ../AnnotationClaim.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** A window is before a person (key: device). Of several claims that overlap the one written first holds, so that no two people are given the same window. */
export interface AnnotationClaim {
  /** The watch; also the record's key. */
  readonly deviceId: string
  /** Inclusive, event time. */
  readonly windowStart: number
  /** Unique to this claim. */
  readonly claim: string
  /** Who it was given to. */
  readonly annotator: string
  /** When. */
  readonly claimedAt: number
  /** When it may be given to somebody else. One in the past gives an earlier claim of this annotator back. */
  readonly until: number
}

export const AnnotationClaim: AvroType<AnnotationClaim> = {
  name: 'tickerwatch.AnnotationClaim',
  schema: {"type":"record","name":"AnnotationClaim","namespace":"tickerwatch","doc":"A window is before a person (key: device). Of several claims that overlap the one written first holds, so that no two people are given the same window.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"windowStart","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"Inclusive, event time."},{"name":"claim","type":"string","doc":"Unique to this claim."},{"name":"annotator","type":"string","doc":"Who it was given to."},{"name":"claimedAt","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When."},{"name":"until","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When it may be given to somebody else. One in the past gives an earlier claim of this annotator back."}]},
  fingerprint: '557f61c93b7befa2',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeAnnotationClaim(value, 'AnnotationClaim')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readAnnotationClaim()
    input.finish()
    return value
  },
}

function readAnnotationClaim(): AnnotationClaim {
  let $deviceId: string
  let $windowStart: number
  let $claim: string
  let $annotator: string
  let $claimedAt: number
  let $until: number
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $windowStart = input.long(); at = input.at
  input.at = at; $claim = input.string(); at = input.at
  input.at = at; $annotator = input.string(); at = input.at
  input.at = at; $claimedAt = input.long(); at = input.at
  input.at = at; $until = input.long(); at = input.at
  input.at = at
  return {
    deviceId: $deviceId,
    windowStart: $windowStart,
    claim: $claim,
    annotator: $annotator,
    claimedAt: $claimedAt,
    until: $until,
  }
}

function writeAnnotationClaim(value: AnnotationClaim, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'AnnotationClaim.deviceId')
  output.long(value.windowStart, 'AnnotationClaim.windowStart')
  output.string(value.claim, 'AnnotationClaim.claim')
  output.string(value.annotator, 'AnnotationClaim.annotator')
  output.long(value.claimedAt, 'AnnotationClaim.claimedAt')
  output.long(value.until, 'AnnotationClaim.until')
}
