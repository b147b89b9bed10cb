/** A broker that is away, restarts or never was; members and producers that die. */
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Assignment, Assignor, Consumer, Log } from '../log.ts'
import { RecordCursor } from '../record-batch.ts'
import { brokerUnavailable } from './broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from './broker/temporary-broker.ts'
import { kafkaLog } from './kafka-log.ts'

const reason = brokerUnavailable()
const DEADLINE = 60_000

/** All to the member that is first by name. */
const toFirst: Assignor = (members, topics) => {
  const all = [...topics].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
  return new Map([[members[0]!.memberId, all]])
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

describe.skipIf(reason !== undefined)(`kafka, when things fail ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log

  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'faults' })
  })

  afterAll(async () => {
    await log?.close()
    await broker?.stop()
  })

  async function join(group: string, topic: string, clientId: string, sessionTimeout?: number) {
    const assignments: Assignment[] = []
    let lost = 0
    const consumer = await log.consumer({
      group,
      clientId,
      topics: [topic],
      assignor: toFirst,
      sessionTimeout,
      onAssigned: assignment => {
        assignments.push(assignment)
      },
      onLost: () => {
        lost++
      },
    })
    return { consumer, assignments, lost: () => lost }
  }

  const valuesOf = async (consumer: Consumer): Promise<string[]> => {
    const cursor = new RecordCursor()
    const values: string[] = []
    for (const batch of await consumer.poll(100)) {
      cursor.reset(batch, 0)
      while (cursor.next()) values.push(`${cursor.value}`)
    }
    return values
  }

  test('no broker at the address, or none that answers, is said in one line', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => silent.once('listening', resolve))
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    try {
      for (const where of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
        const opening = kafkaLog({ brokers: [where], clientId: 'nobody' })
        await expect(opening).rejects.toMatchObject({
          code: 'LOG_UNREACHABLE',
          message: expect.stringMatching(new RegExp(`^no Kafka broker answers at ${where}: [^\\n]*$`)),
        })
      }
    } finally {
      silent.close()
    }
  })

  test('a member takes over at once from a dead one with its client id', async () => {
    await log.admin.createTopics([{ topic: 'evicted', partitions: 1 }])
    // A log of its own whose connections break off, which is what the group sees of a kill -9.
    const doomed = await kafkaLog({ brokers: [broker.brokers], clientId: 'doomed' })
    const sessionTimeout = 5 * DEADLINE
    const dead: Assignment[] = []
    const options = { group: 'evicting', clientId: 'instance-1', topics: ['evicted'], assignor: toFirst }
    await doomed.consumer({ ...options, sessionTimeout, onAssigned: each => void dead.push(each) })
    await until('the first assignment', () => dead.length > 0)
    const heir = await join('evicting', 'evicted', 'instance-1')
    await until('the second assignment', () => heir.assignments.length > 0)
    expect(heir.assignments[0]!.partitions).toHaveLength(1)
    expect(heir.assignments[0]!.generation).toBeGreaterThan(dead[0]!.generation)
    await heir.consumer.close()
    await doomed.close()
  })

  test('a closed log says that it is closed', async () => {
    const closed = await kafkaLog({ brokers: [broker.brokers], clientId: 'closed' })
    await closed.close()
    await expect(closed.admin.listTopics()).rejects.toMatchObject({ code: 'LOG_MISUSED' })
    await expect(closed.reader({ clientId: 'late' })).rejects.toMatchObject({ code: 'LOG_MISUSED' })
  })

  test('a member that was silent for longer than its session is told so, and joins again', async () => {
    await log.admin.createTopics([{ topic: 'silenced', partitions: 1 }])
    const { consumer, assignments, lost } = await join('silencing', 'silenced', 'sleeper', 1_000)
    await until('the assignment', () => assignments.length > 0)
    // The event loop stands still, as after SIGSTOP.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000)
    await until('the next assignment', () => assignments.length > 1)
    expect(lost()).toBe(1)
    expect(assignments[1]!.memberId).not.toBe(assignments[0]!.memberId)
    expect(assignments[1]!.generation).toBeGreaterThan(assignments[0]!.generation)
    await consumer.heartbeat()
    await consumer.close()
  })

  test('a group that has members cannot be deleted; one that never was can', async () => {
    await log.admin.createTopics([{ topic: 'grouped', partitions: 1 }])
    const { consumer, assignments } = await join('alive', 'grouped', 'alive')
    await until('the assignment', () => assignments.length > 0)
    await expect(log.admin.deleteGroup('alive')).rejects.toMatchObject({
      code: 'LOG_FAILED',
      message: expect.stringContaining('cannot delete group alive: NON_EMPTY_GROUP'),
    })
    await consumer.close()
    await log.admin.deleteGroup('alive')
    await log.admin.deleteGroup('never-was')
  })

  test('who goes on from a position waits for the transaction that is about to replace it; who looks does not', async () => {
    await log.admin.createTopics([{ topic: 'replaced', partitions: 1 }])
    const tp = { topic: 'replaced', partition: 0 }
    const producer = await log.producer({ clientId: 'replacing', transactionalId: 'replacing' })
    await producer.init()
    producer.begin()
    await producer.send([{ ...tp, key: null, value: Buffer.from('a'), timestamp: 1 }])
    await producer.sendOffsets('replacing', [{ ...tp, position: 1 }])
    const waiting = log.admin.stablePositions('replacing', [tp])
    expect(await log.admin.committed('replacing', ['replaced'])).toEqual([])
    await producer.commit()
    expect(await waiting).toEqual([{ ...tp, position: 1 }])
    await producer.close()
  })

  test('an assignor that leaves a partition out ends the consumer with the reason', async () => {
    await log.admin.createTopics([{ topic: 'left-out', partitions: 2 }])
    const consumer = await log.consumer({
      group: 'leaving-out',
      clientId: 'leader',
      topics: ['left-out'],
      assignor: members => new Map([[members[0]!.memberId, [{ topic: 'left-out', partition: 0 }]]]),
      onAssigned: () => {},
    })
    const polling = async () => {
      for (;;) await consumer.poll(100)
    }
    await expect(polling()).rejects.toMatchObject({
      code: 'LOG_MISUSED',
      message: expect.stringContaining('left-out/1 was given to no member'),
    })
    await consumer.close()
  })

  test('a broker that is killed and comes back: what was acknowledged is there, and all go on', async () => {
    await log.admin.createTopics([{ topic: 'restarted', partitions: 1 }])
    const producer = await log.producer({ clientId: 'plain' })
    await producer.init()
    const transactional = await log.producer({ clientId: 'transactional', transactionalId: 'restarted' })
    await transactional.init()
    const send = (value: string) =>
      producer.send([
        { topic: 'restarted', partition: 0, key: null, value: Buffer.from(value), timestamp: 1 },
      ])
    const { consumer, assignments } = await join('restarting', 'restarted', 'survivor')
    await until('the assignment', () => assignments.length > 0)
    const tp = { topic: 'restarted', partition: 0 }
    consumer.seek(tp, 0)
    consumer.resume([tp])
    await send('before')
    const seen: string[] = []
    await until('the first record', async () => {
      seen.push(...(await valuesOf(consumer)))
      return seen.includes('before')
    })
    const known = assignments.length
    transactional.begin()
    await transactional.send([{ ...tp, key: null, value: Buffer.from('uncommitted'), timestamp: 1 }])

    // Where connections get theirs, a client that waits for the broker could take its port.
    expect(Number(broker.brokers.split(':')[1])).toBeLessThan(32_768)
    await broker.kill()
    const sent = send('during')
    const lost = { ...tp, key: null, value: Buffer.from('lost'), timestamp: 1 }
    await expect(transactional.send([lost])).rejects.toMatchObject({
      code: 'LOG_FAILED',
      message: expect.stringContaining('whether it was done is not known'),
    })
    const opening = log.producer({ clientId: 'transactional', transactionalId: 'restarted' })
    await broker.restart()
    await sent
    await send('after')
    // Sessions may have expired: then the owner seeks and resumes again.
    await until('the last record', async () => {
      if (assignments.length > known) {
        consumer.seek(tp, 0)
        consumer.resume([tp])
      }
      seen.push(...(await valuesOf(consumer)))
      return seen.includes('after')
    })
    const firstSeen = [...new Set(seen)]
    expect(firstSeen).toEqual(['before', 'during', 'after'])
    await consumer.heartbeat()
    await consumer.commit([{ ...tp, position: 3 }])
    expect(await log.admin.committed('restarting', ['restarted'])).toEqual([{ ...tp, position: 3 }])
    const successor = await opening
    await successor.init()
    successor.begin()
    await successor.send([{ ...tp, key: null, value: Buffer.from('committed'), timestamp: 1 }])
    await successor.commit()
    await until('the committed record', async () => {
      seen.push(...(await valuesOf(consumer)))
      return seen.includes('committed')
    })
    expect(seen).not.toContain('uncommitted')
  })
})
