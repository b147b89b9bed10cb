/**
 * How long partitions stand still when nodes of the counting pipeline are killed, join and leave: two nodes on a real
 * broker, exactly-once, 2,000 records a second. Prints medians in milliseconds, and whether every output was right.
 * `npx tsx bench/recovery.ts [rounds] [host:port]`
 */
import { startTemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { CountingCluster } from '../topology/testing/counting/cluster.ts'

const rounds = Number(process.argv[2] ?? 5)
const sessionTimeout = 6000
const broker = process.argv[3] === undefined ? await startTemporaryBroker() : undefined
const cluster = await CountingCluster.start({
  brokers: broker?.brokers ?? process.argv[3]!,
  applicationId: `recovery-${Date.now()}`,
  sessionTimeout,
})
const figures = new Map<string, number[]>()
const note = (name: string, value: number): void => {
  figures.set(name, [...(figures.get(name) ?? []), value])
}
try {
  cluster.run('a')
  cluster.run('b')
  await cluster.settled()
  for (let round = 0; round < rounds; round++) {
    let since = performance.now()
    await cluster.end('b', 'SIGKILL')
    cluster.run('b')
    note('kill -9 and restart: all commit again', (await cluster.settled(since)).recovery)

    since = performance.now()
    note('graceful stop', await cluster.end('b', 'SIGTERM'))
    note('graceful leave: longest stall', (await cluster.settled(since)).longestStall)

    since = performance.now()
    cluster.run('b')
    note('join: longest stall', (await cluster.settled(since)).longestStall)

    since = performance.now()
    await cluster.end('b', 'SIGKILL')
    note(`kill -9, session ${sessionTimeout}: all commit again`, (await cluster.settled(since)).recovery)

    cluster.run('b')
    await cluster.settled()
  }
  for (const [name, values] of figures) {
    const sorted = values.map(Math.round).sort((a, b) => a - b)
    console.log(`${name.padEnd(45)} median ${sorted[sorted.length >> 1]}  all ${sorted.join(' ')}`)
  }
  const outputs = await cluster.outputs()
  const wrong = outputs.filter(({ found, expected }) => found.join('\n') !== expected.join('\n'))
  const records = outputs.reduce((sum, { found }) => sum + found.length, 0)
  console.log(`${records} output records, ${wrong.length} of ${outputs.length} partitions wrong`)
} finally {
  await cluster.close()
  await broker?.stop()
}
