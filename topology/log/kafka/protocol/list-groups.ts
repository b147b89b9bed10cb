/** ListGroups v4 (KIP-518): the groups that a broker coordinates, with their states, which kafkajs' version lacks. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

export interface ListedGroup {
  readonly group: string
  readonly state: string
}

export function listGroupsRequest(): Request<ListedGroup[]> {
  const body = new Writer().noTags() // of the request's header
  body.compactArray([], () => {}).noTags() // in any state
  return { apiKey: 16, apiVersion: 4, apiName: 'ListGroups', body: body.build(), decode }
}

function decode(answer: Buffer): ListedGroup[] {
  const scanner = new Scanner(answer)
  scanner.skipTags()
  scanner.int32() // throttled for
  const errorCode = scanner.int16()
  if (errorCode !== 0) throw createErrorFromCode(errorCode)
  return scanner.compactArray(() => {
    const group = scanner.compactString() ?? ''
    scanner.compactString() // type of protocol
    const state = scanner.compactString() ?? ''
    scanner.skipTags()
    return { group, state }
  })
}
