/**
 * The parts of kafkajs 2.2.4 below its public API that are used here: its connections, and the requests it can send.
 * Only what is used is declared, as it is in the source of that version; `cluster.ts` checks the version.
 */
declare module 'kafkajs/src/cluster/index.js' {
  import type { ISocketFactory, Mechanism, SASLOptions } from 'kafkajs'
  import type { ConnectionOptions } from 'node:tls'

  export interface PartitionMetadata {
    readonly partitionId: number
    readonly leader: number
  }

  export interface Connections {
    send<T>(protocol: {
      request: {
        apiKey: number
        apiVersion: number
        apiName: string
        encode(): Promise<{ buf: Buffer; buffer: Buffer }>
      }
      response: { decode(payload: Buffer): Promise<{ value: T }>; parse(data: { value: T }): Promise<T> }
      requestTimeout: number
      logResponseError: boolean
    }): Promise<T>
  }

  interface TopicOffsetRequest {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly offset: string
      readonly metadata: string | null
    }[]
  }

  interface ProducerIdentity {
    readonly transactionalId: string
    readonly producerId: string
    readonly producerEpoch: number
  }

  export interface Broker {
    readonly nodeId: number
    readonly connectionPool: Connections & { readonly host: string; readonly port: number }
    /** `coordinatorType`: 0 of a group. */
    findGroupCoordinator(of: {
      groupId: string
      coordinatorType: 0
    }): Promise<{ coordinator: { nodeId: number } }>
    joinGroup(request: {
      groupId: string
      sessionTimeout: number
      rebalanceTimeout: number
      memberId: string
      groupProtocols: readonly { name: string; metadata: Buffer }[]
    }): Promise<{
      generationId: number
      leaderId: string
      memberId: string
      members: readonly { memberId: string; memberMetadata: Buffer }[]
    }>
    syncGroup(request: {
      groupId: string
      generationId: number
      memberId: string
      groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[]
    }): Promise<{ memberAssignment: Buffer }>
    heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<void>
    leaveGroup(request: { groupId: string; memberId: string }): Promise<void>
    describeGroups(request: { groupIds: readonly string[] }): Promise<{
      groups: readonly {
        state: string
        protocolType: string
        members: readonly {
          memberId: string
          clientId: string
          clientHost: string
          memberAssignment: Buffer
        }[]
      }[]
    }>
    /** Does not throw what a group's result says. */
    deleteGroups(groups: readonly string[]): Promise<{ results: readonly { error?: Error }[] }>
    offsetCommit(request: {
      groupId: string
      groupGenerationId: number
      memberId: string
      topics: readonly TopicOffsetRequest[]
    }): Promise<void>
    createTopics(request: {
      topics: readonly {
        topic: string
        numPartitions: number
        replicationFactor: number
        configEntries: readonly { name: string; value: string }[]
      }[]
      timeout: number
    }): Promise<void>
    deleteRecords(request: {
      topics: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]
    }): Promise<void>
    deleteTopics(request: { topics: readonly string[]; timeout: number }): Promise<void>
    describeConfigs(request: { resources: readonly { type: number; name: string }[] }): Promise<{
      resources: readonly {
        configEntries: readonly { configName: string; configValue: string | null; configSource: number }[]
      }[]
    }>
    initProducerId(request: {
      transactionalId?: string
      transactionTimeout: number
    }): Promise<{ producerId: string; producerEpoch: number }>
    addPartitionsToTxn(
      request: ProducerIdentity & { topics: readonly { topic: string; partitions: readonly number[] }[] },
    ): Promise<void>
    addOffsetsToTxn(request: ProducerIdentity & { groupId: string }): Promise<void>
    txnOffsetCommit(
      request: ProducerIdentity & { groupId: string; topics: readonly TopicOffsetRequest[] },
    ): Promise<void>
    endTxn(request: ProducerIdentity & { transactionResult: boolean }): Promise<void>
  }

  export interface ClusterOptions {
    readonly brokers: readonly string[]
    readonly clientId: string
    readonly logger: unknown
    readonly socketFactory: ISocketFactory
    readonly ssl: boolean | ConnectionOptions | undefined
    readonly sasl: SASLOptions | Mechanism | undefined
    readonly connectionTimeout: number
    readonly requestTimeout: number
    readonly enforceRequestTimeout: boolean
    readonly metadataMaxAge: number
    readonly allowAutoTopicCreation: boolean
    /** 1: read_committed, so that the end of a partition is its last stable offset. */
    readonly isolationLevel: 1
    readonly retry: {
      readonly initialRetryTime: number
      readonly maxRetryTime: number
      readonly retries: number
    }
  }

  export default class Cluster {
    constructor(options: ClusterOptions)
    readonly targetTopics: Set<string>
    readonly brokerPool: {
      /** By node id. */
      readonly brokers: Readonly<Record<string, unknown>>
      removeBroker(address: { host: string; port: number }): void
    }
    connect(): Promise<void>
    disconnect(): Promise<void>
    refreshMetadata(): Promise<void>
    refreshMetadataIfNecessary(): Promise<void>
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>
    findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[]
    findBroker(node: { nodeId: number | string }): Promise<Broker>
    findControllerBroker(): Promise<Broker>
    /** `coordinatorType`: 0 of a group, 1 of a transactional id. */
    findGroupCoordinator(of: { groupId: string; coordinatorType: 0 | 1 }): Promise<Broker>
    fetchTopicsOffset(
      topics: readonly {
        topic: string
        partitions: readonly { partition: number }[]
        fromBeginning: boolean
        /** Instead; a partition without a record from then on answers -1. */
        fromTimestamp?: number
      }[],
    ): Promise<readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]>
  }
}

declare module 'kafkajs/src/loggers/index.js' {
  export function createLogger(options: {
    level: number
    logCreator: () => (entry: unknown) => void
  }): unknown
}

declare module 'kafkajs/src/protocol/error.js' {
  export function createErrorFromCode(code: number): Error
}

declare module 'kafkajs/src/protocol/recordBatch/crc32C/index.js' {
  /** CRC-32C, unsigned. */
  export default function crc32C(bytes: Buffer): number
}
