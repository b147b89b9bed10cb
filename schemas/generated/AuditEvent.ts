// Generated from ../AuditEvent.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** Who did what, on the topic audit: releases published and put into force, records replayed, an application reset, and to whom a node gave which role. A dry run is none. */
export interface AuditEvent {
  /** When it was done, or refused. */
  readonly at: number
  /** publish, promote, shadow, rollback, replay, dead-letter-replay, reset or roles; other versions may know more. */
  readonly action: string
  /** To what: a release as name@version, an application, or what was asked for as JSON. */
  readonly subject: string
  /** Of who did it: operator, or a lower one that was refused. */
  readonly role: string
  /** The name of the token, or the first digits of its SHA-256; of a command that goes to the log itself user@host. */
  readonly who: string
  /** Where the request came from; null where there was none. */
  readonly address: string | null
  /** Refused: nothing was changed. Failed: what was changed is not known. */
  readonly outcome: AuditOutcome
  /** Why it was done, in a person's words. */
  readonly reason: string | null
  /** Of the error, if it was not done. */
  readonly code: string | null
}

export type AuditOutcome = 'done' | 'refused' | 'failed'

export const AuditEvent: AvroType<AuditEvent> = {
  name: 'tickerwatch.AuditEvent',
  schema: {"type":"record","name":"AuditEvent","namespace":"tickerwatch","doc":"Who did what, on the topic audit: releases published and put into force, records replayed, an application reset, and to whom a node gave which role. A dry run is none.","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When it was done, or refused."},{"name":"action","type":"string","doc":"publish, promote, shadow, rollback, replay, dead-letter-replay, reset or roles; other versions may know more."},{"name":"subject","type":"string","doc":"To what: a release as name@version, an application, or what was asked for as JSON."},{"name":"role","type":"string","doc":"Of who did it: operator, or a lower one that was refused."},{"name":"who","type":"string","doc":"The name of the token, or the first digits of its SHA-256; of a command that goes to the log itself user@host."},{"name":"address","type":["null","string"],"default":null,"doc":"Where the request came from; null where there was none."},{"name":"outcome","type":{"type":"enum","name":"AuditOutcome","symbols":["done","refused","failed"]},"doc":"Refused: nothing was changed. Failed: what was changed is not known."},{"name":"reason","type":["null","string"],"default":null,"doc":"Why it was done, in a person's words."},{"name":"code","type":["null","string"],"default":null,"doc":"Of the error, if it was not done."}]},
  fingerprint: 'c82d343f648ee956',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeAuditEvent(value, 'AuditEvent')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readAuditEvent()
    input.finish()
    return value
  },
}

const symbols$1: readonly AuditOutcome[] = ['done', 'refused', 'failed']

function readAuditEvent(): AuditEvent {
  let $at: number
  let $action: string
  let $subject: string
  let $role: string
  let $who: string
  let $address: string | null
  let $outcome: AuditOutcome
  let $reason: string | null
  let $code: string | null
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $at = input.long(); at = input.at
  input.at = at; $action = input.string(); at = input.at
  input.at = at; $subject = input.string(); at = input.at
  input.at = at; $role = input.string(); at = input.at
  input.at = at; $who = input.string(); at = input.at
  if (bytes[at] === 0 && at < end) { $address = null; at++ } else { input.at = at; $address = (input.index(2) === 0 ? null : input.string()); at = input.at }
  input.at = at; $outcome = input.symbol(symbols$1); at = input.at
  if (bytes[at] === 0 && at < end) { $reason = null; at++ } else { input.at = at; $reason = (input.index(2) === 0 ? null : input.string()); at = input.at }
  if (bytes[at] === 0 && at < end) { $code = null; at++ } else { input.at = at; $code = (input.index(2) === 0 ? null : input.string()); at = input.at }
  input.at = at
  return {
    at: $at,
    action: $action,
    subject: $subject,
    role: $role,
    who: $who,
    address: $address,
    outcome: $outcome,
    reason: $reason,
    code: $code,
  }
}

const writtenSymbols$1 = ['done', 'refused', 'failed']

function writeAuditEvent(value: AuditEvent, field: string): void {
  output.record(value, field)
  output.long(value.at, 'AuditEvent.at')
  output.string(value.action, 'AuditEvent.action')
  output.string(value.subject, 'AuditEvent.subject')
  output.string(value.role, 'AuditEvent.role')
  output.string(value.who, 'AuditEvent.who')
  if (value.address === null) output.index(0); else { output.index(1); output.string(value.address, 'AuditEvent.address') }
  output.symbol(value.outcome, writtenSymbols$1, 'AuditEvent.outcome')
  if (value.reason === null) output.index(0); else { output.index(1); output.string(value.reason, 'AuditEvent.reason') }
  if (value.code === null) output.index(0); else { output.index(1); output.string(value.code, 'AuditEvent.code') }
}
