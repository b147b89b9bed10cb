/**
 * A real Kafka broker for development and tests: one node, KRaft, on the loopback interface, its data in a directory of
 * one's choice. Not for production: nothing is replicated or protected.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster } from '../cluster.ts'
import { fetchDistribution } from './distribution.ts'
import { BrokerError } from './errors.ts'

const HOST = '127.0.0.1'
/** Milliseconds. */
const START_TIMEOUT = 120_000
const STOP_TIMEOUT = 20_000
const INTERVAL = 50
/** Below what Linux (32768) and other systems (49152) give to connections. */
const LOWEST_PORT = 10_000
const HIGHEST_PORT = 32_000
const PORT_ATTEMPTS = 100

export interface BrokerOptions {
  /** A free one by default. */
  readonly port?: number
  /** Topics and groups are kept there, and the broker's log. */
  readonly dataDir: string
  /** For `TICKERWATCH_CACHE` and `PATH`. */
  readonly env?: NodeJS.ProcessEnv
  /** The broker outlives this process. */
  readonly detached?: boolean
  readonly onProgress?: (text: string) => void
  /** A second listener, over TLS and with SASL. */
  readonly secure?: SecureListener
}

export interface SecureListener {
  /** PKCS #12, with the broker's key and certificate. */
  readonly keyStore: string
  readonly keyStorePassword: string
  /** Name → password, for SCRAM-SHA-512. Only the first may do everything, the others nothing. */
  readonly users: Readonly<Record<string, string>>
  /** Milliseconds for which a client is known; then it has to say again who it is. */
  readonly session: number
}

export interface RunningBroker {
  /** Address for clients, `host:port`. */
  readonly brokers: string
  /** Of the secure listener, if there is one. */
  readonly secureBrokers: string | undefined
  readonly pid: number
  stop(): Promise<void>
  /** As a crash: kill -9. */
  kill(): Promise<void>
}

/**
 * Answers when groups and transactions work.
 * @throws BrokerError; the system's EADDRINUSE when something listens on the port
 */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const { env = process.env, detached = false, onProgress = () => {} } = options
  const dataDir = resolve(options.dataDir)
  const running = findBroker(dataDir)
  if (running !== undefined) {
    throw new BrokerError('BROKER_RUNNING', `a broker runs on ${dataDir} already (process ${running.pid})`)
  }
  const jars = fetchDistribution(env, onProgress)
  const port = await freePort(options.port ?? 0)
  mkdirSync(dataDir, { recursive: true })
  const properties = join(dataDir, 'server.properties')
  const controllerPort = await freePort(0, [port])
  const securePort = options.secure && (await freePort(0, [port, controllerPort]))
  const settings = {
    ...serverSettings({ dataDir, port, controllerPort }),
    ...(options.secure && securePort && secureSettings(options.secure, { port, securePort, controllerPort })),
  }
  writeFileSync(
    properties,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const java = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true']
  java.push('-Djava.net.preferIPv4Stack=true', '-cp', join(jars, '*'))
  format(dataDir, java, env, options.secure?.users)
  onProgress(`starting Kafka on port ${port}`)
  const log = openSync(join(dataDir, 'broker.log'), 'a')
  const child = spawn('java', ['-Xms256m', '-Xmx512m', ...java, 'kafka.Kafka', properties], {
    env,
    detached,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const brokers = `${HOST}:${port}`
  const pid = child.pid!
  // Its port is free when it has ended, which is a little after its arguments are gone from the list of processes.
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  writeFileSync(join(dataDir, 'broker.json'), JSON.stringify({ pid, brokers }))
  const kill = () => child.kill('SIGKILL')
  // Tests that end by an error must not leave a broker behind, nor a start that is given up.
  process.once('exit', kill)
  try {
    await ready(child, brokers, dataDir)
  } catch (error) {
    kill()
    throw error
  }
  if (detached) {
    process.off('exit', kill)
    child.unref()
  }
  return {
    brokers,
    secureBrokers: securePort === undefined ? undefined : `${HOST}:${securePort}`,
    pid,
    async stop() {
      if (await stopBroker(dataDir)) await ended
      process.off('exit', kill)
    },
    async kill() {
      kill()
      await ended
      process.off('exit', kill)
    },
  }
}

/** The broker that runs on this directory. */
export function findBroker(dataDir: string): { readonly pid: number; readonly brokers: string } | undefined {
  const file = join(resolve(dataDir), 'broker.json')
  if (!existsSync(file)) return undefined
  const found: { pid: number; brokers: string } = JSON.parse(readFileSync(file, 'utf8'))
  // After a crash another program may have the process id.
  const { stdout } = spawnSync('ps', ['-p', String(found.pid), '-o', 'args='], { encoding: 'utf8' })
  return stdout?.includes(join(resolve(dataDir), 'server.properties')) ? found : undefined
}

/** Whether one was running. */
export async function stopBroker(dataDir: string): Promise<boolean> {
  const running = findBroker(dataDir)
  if (running === undefined) return false
  process.kill(running.pid, 'SIGTERM')
  const deadline = Date.now() + STOP_TIMEOUT
  while (findBroker(dataDir) !== undefined) {
    if (Date.now() > deadline) process.kill(running.pid, 'SIGKILL')
    await delay(INTERVAL)
  }
  rmSync(join(resolve(dataDir), 'broker.json'), { force: true })
  return true
}

/**
 * None of those that the system gives to connections: a broker that is down would not find it free when it comes back, because
 * a client that tries to reach it may be given the very port it calls, and be connected to itself.
 * @param wanted 0 for any, but none of those `taken` @throws the system's EADDRINUSE
 */
async function freePort(wanted: number, taken: readonly number[] = []): Promise<number> {
  if (wanted !== 0) return await listenable(wanted)
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT)
    if (taken.includes(port)) continue
    try {
      return await listenable(port)
    } catch (error) {
      if (attempt === PORT_ATTEMPTS) throw error
    }
  }
}

async function listenable(port: number): Promise<number> {
  const server = createServer()
  return await new Promise((settle, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, () => server.close(() => settle(port)))
  })
}

function format(
  dataDir: string,
  java: readonly string[],
  env: NodeJS.ProcessEnv,
  users: SecureListener['users'] = {},
): void {
  if (existsSync(join(dataDir, 'logs', 'meta.properties'))) return
  const clusterId = randomBytes(16).toString('base64url')
  const tool = [
    'kafka.tools.StorageTool',
    'format',
    // One word: an id may begin with a dash (one in 64 does), and would be taken for an option.
    `--cluster-id=${clusterId}`,
    `--config=${join(dataDir, 'server.properties')}`,
    ...Object.entries(users).flatMap(([name, password]) => [
      '--add-scram',
      `SCRAM-SHA-512=[name=${name},password=${password}]`,
    ]),
  ]
  const result = spawnSync('java', ['-XX:TieredStopAtLevel=1', ...java, ...tool], { env, encoding: 'utf8' })
  if (result.status === 0) return
  writeFileSync(join(dataDir, 'broker.log'), `${result.stdout}${result.stderr}`)
  throw new BrokerError('BROKER_FAILED', `Kafka could not prepare ${dataDir}`)
}

/** Groups and transactions keep their state in topics that Kafka makes when first asked, which takes some seconds. */
async function ready(child: ChildProcess, brokers: string, dataDir: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT
  const ended = () => child.exitCode !== null || child.signalCode !== null
  for (;;) {
    const cluster = new Cluster({ brokers: [brokers], clientId: 'warm-up' })
    try {
      await cluster.connect()
      await cluster.retrying('groups do not work', async () => {
        await (await cluster.groupCoordinator('warm-up')).describeGroups({ groupIds: ['warm-up'] })
      })
      await cluster.retrying('transactions do not work', async () => {
        const coordinator = await cluster.transactionCoordinator('warm-up')
        await coordinator.initProducerId({ transactionalId: 'warm-up', transactionTimeout: 10_000 })
      })
      return
    } catch (cause) {
      if (!ended() && Date.now() < deadline) {
        await delay(INTERVAL)
        continue
      }
      throw new BrokerError('BROKER_FAILED', `Kafka did not start; see ${join(dataDir, 'broker.log')}`, {
        cause,
      })
    } finally {
      await cluster.close()
    }
  }
}

type Settings = Readonly<Record<string, string | number | boolean>>

function serverSettings(of: { dataDir: string; port: number; controllerPort: number }): Settings {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${of.controllerPort}`,
    listeners: `PLAINTEXT://${HOST}:${of.port},CONTROLLER://${HOST}:${of.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${of.port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(of.dataDir, 'logs'),
    'auto.create.topics.enable': false,
    // Event time is historical: records of 2019 must not be taken for a week too old.
    'log.retention.ms': -1,
    'log.cleaner.backoff.ms': 1000,
    'log.cleaner.dedupe.buffer.size': 16 << 20,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // One member alone need not wait for others, and dead ones are noticed soon.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // A broker that is about to go has no other to hand its partitions to. It would give up their leadership all the same,
    // and then lose the ends of transactions more often (../lost-ends.ts).
    'controlled.shutdown.enable': false,
    // After a kill a broker waits for its old registration to expire.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.segment.bytes': 128 << 20,
  }
}

/** What changes where there is a secure listener; the other stays as it is, for tests. */
function secureSettings(
  { keyStore, keyStorePassword, users, session }: SecureListener,
  { port, securePort, controllerPort }: { port: number; securePort: number; controllerPort: number },
): Settings {
  const modules = 'org.apache.kafka.common.security'
  return {
    listeners: `PLAINTEXT://${HOST}:${port},SECURE://${HOST}:${securePort},CONTROLLER://${HOST}:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${port},SECURE://${HOST}:${securePort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT',
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keyStore,
    'ssl.keystore.password': keyStorePassword,
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.secure.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    // Tokens that nobody has signed: Kafka's own validator for development.
    'listener.name.secure.oauthbearer.sasl.jaas.config': `${modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    'connections.max.reauth.ms': session,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': `User:ANONYMOUS;User:${Object.keys(users)[0]}`,
  }
}
