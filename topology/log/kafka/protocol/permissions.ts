/** What the client may do with topics and groups, as brokers tell it (KIP-430): a set of bits. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import type { Request } from './request.ts'
import { Scanner, Writer } from './wire.ts'

/** Kafka's AclOperation. */
const operations = { read: 3, write: 4 } as const
export type Operation = keyof typeof operations

const TOPIC_AUTHORIZATION_FAILED = 29
const GROUP_AUTHORIZATION_FAILED = 30

function allowed(bits: number, wanted: readonly Operation[]): boolean {
  return wanted.every(operation => (bits & (1 << operations[operation])) !== 0)
}

/** Metadata v8. Answers with the topics, of those that exist, with which not all the operations are allowed. */
export function forbiddenTopicsRequest(
  topics: readonly string[],
  wanted: readonly Operation[],
): Request<string[]> {
  const body = new Writer()
  body.array(topics, name => body.string(name))
  body.int8(0).int8(0).int8(1) // create no topic, list the permissions of topics only
  return {
    apiKey: 3,
    apiVersion: 8,
    apiName: 'Metadata',
    body: body.build(),
    decode(answer) {
      const scanner = new Scanner(answer)
      scanner.int32() // throttled for
      scanner.array(() => {
        scanner.int32() // node, host, port, rack
        scanner.string()
        scanner.int32()
        scanner.string()
      })
      scanner.string() // cluster
      scanner.int32() // controller
      const found = scanner.array(() => {
        const errorCode = scanner.int16()
        const topic = scanner.string()
        scanner.int8() // internal
        scanner.array(() => {
          scanner.int16() // error, partition, leader, epoch
          scanner.int32()
          scanner.int32()
          scanner.int32()
          for (let list = 0; list < 3; list++) scanner.array(() => scanner.int32()) // replicas, in sync, offline
        })
        return { errorCode, topic, bits: scanner.int32() }
      })
      return found
        .filter(
          ({ errorCode, bits }) =>
            errorCode === TOPIC_AUTHORIZATION_FAILED || (errorCode === 0 && !allowed(bits, wanted)),
        )
        .map(({ topic }) => topic)
    },
  }
}

/** DescribeGroups v3. Answers with whether the client may be a member of the group. */
export function mayJoinRequest(group: string): Request<boolean> {
  const body = new Writer()
  body.array([group], name => body.string(name)).int8(1)
  return {
    apiKey: 15,
    apiVersion: 3,
    apiName: 'DescribeGroups',
    body: body.build(),
    decode(answer) {
      const scanner = new Scanner(answer)
      scanner.int32() // throttled for
      const [described] = scanner.array(() => {
        const errorCode = scanner.int16()
        for (let field = 0; field < 4; field++) scanner.string() // group, state, type and name of its protocol
        scanner.array(() => {
          for (let field = 0; field < 3; field++) scanner.string() // member, client, host
          for (let field = 0; field < 2; field++) scanner.bytes(scanner.int32()) // what it told, what it was told
        })
        return { errorCode, bits: scanner.int32() }
      })
      if (described === undefined || described.errorCode === GROUP_AUTHORIZATION_FAILED) return false
      if (described.errorCode !== 0) throw createErrorFromCode(described.errorCode)
      return allowed(described.bits, ['read'])
    },
  }
}
